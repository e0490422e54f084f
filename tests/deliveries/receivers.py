"""The receivers of these tests from outside: where they are, the trouble that they may be in, what they hold.

Webhook, mail server and advertising service are a process (`receiver`); a table of SQLite and a folder of files are
written by the deliverer itself.
"""

import contextlib
import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx

from embedded.layout import free_ports
from embedded.process import Reaper, StackProcess
from embedded.steps import ProcessSpec, http_ready
from tests.deliveries.receiver import TABLE
from tests.deliveries.soundness import Taken, final_members
from tests.deliveries.taken import REFUSED_BELOW, taken_of
from tests.support.waiting import wait_until

SEED = 7
STORM_S = 3

_MEMBERS = f"""
PRAGMA journal_mode=WAL;
CREATE TABLE members (profile_id TEXT, name TEXT, said TEXT, version INTEGER, PRIMARY KEY (profile_id, name));
CREATE TABLE devices (device TEXT, name TEXT, version INTEGER, PRIMARY KEY (device, name));
CREATE TABLE taken (number INTEGER PRIMARY KEY, said TEXT);
CREATE TABLE mercy (since TEXT);
CREATE TRIGGER refused BEFORE INSERT ON members
  WHEN substr(NEW.said, 1, 2) < '{REFUSED_BELOW}' AND NOT EXISTS (SELECT * FROM mercy)
  BEGIN SELECT RAISE(ABORT, 'no such people'); END;
CREATE TRIGGER inserted AFTER INSERT ON members BEGIN INSERT INTO taken (said) VALUES (NEW.said); END;
CREATE TRIGGER updated AFTER UPDATE ON members BEGIN INSERT INTO taken (said) VALUES (NEW.said); END;
"""
"""The tables that mirror who is in a segment, by profile and by device; what is written into the first is kept."""


class Receivers:
    """All of them, in a folder of their own. Some may be killed and started again; what they have taken stays."""

    def __init__(self, folder: Path) -> None:
        self.http_port, self.smtp_port = free_ports(2)
        self.database, self.files = folder / "members.sqlite", folder / "exports"
        self._disk, self._no_disk = folder / "disk", folder / "no-disk"
        self._disk.mkdir()
        self._no_disk.touch()
        self.files.symlink_to(self._disk)
        with contextlib.closing(sqlite3.connect(self.database)) as database:
            database.executescript(_MEMBERS)
        self._taken = folder / "taken.sqlite"
        self._reaper = Reaper()
        ports = (str(self.http_port), str(self.smtp_port))
        spec = ProcessSpec(
            name="receiver",
            title="Receiver",
            command=[sys.executable, "-m", "tests.deliveries.receiver", *ports, str(self._taken), str(SEED)],
            environment={},
            ready=http_ready(self.http_port, "/storm?s=0"),
            restarts=True,
        )
        self.process = StackProcess(spec, folder / "receiver.log", self._reaper)
        self.process.start()

    def close(self) -> None:
        """End them for good."""
        self.process.kill()
        self._reaper.close()

    # -- the trouble that they may be in

    def storm(self) -> None:
        """Have them throttle everything for a while."""
        self._say("/storm", s=STORM_S)

    def calm(self) -> None:
        """Have them answer all that comes from now on."""
        self._say("/calm")

    def have_mercy(self) -> None:
        """Have them take what they have refused so far."""
        self._say("/mercy")
        with contextlib.closing(sqlite3.connect(self.database)) as database, database:
            database.execute("INSERT INTO mercy VALUES (datetime())")

    @contextlib.contextmanager
    def locked_table(self) -> Iterator[None]:
        """Write the table for so long that nobody else can."""
        with contextlib.closing(sqlite3.connect(self.database, isolation_level=None, timeout=60)) as database:
            database.execute("BEGIN IMMEDIATE")
            yield
            database.execute("ROLLBACK")

    @contextlib.contextmanager
    def unplugged_disk(self) -> Iterator[None]:
        """Take away the disk that files are written to."""
        self._lead_to(self._no_disk)
        yield
        self._lead_to(self._disk)

    # -- what they hold

    def taken(self, destination: str) -> list[Taken]:
        """Return what a receiver has taken, in that order."""
        return [taken_of(said) for said in self._said(destination)]

    def members(self, destination: str) -> set[tuple[str, str]]:
        """Return who is in which segment at a receiver."""
        if destination == "table":
            with contextlib.closing(sqlite3.connect(self.database, timeout=60)) as database:
                return set(database.execute("SELECT profile_id, name FROM members"))
        return final_members(self.taken(destination))

    def devices(self) -> set[tuple[str, str]]:
        """Return which devices are in which segment, at the receiver that goes by them."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=60)) as database:
            return set(database.execute("SELECT device, name FROM devices"))

    def _said(self, destination: str) -> Iterator[str]:
        if destination == "export":
            for file in sorted(self._disk.rglob("*.jsonl"), key=lambda file: file.stat().st_mtime_ns):
                yield from (json.loads(line)["said"] for line in file.read_text(encoding="utf-8").splitlines())
        elif destination == "table":
            with contextlib.closing(sqlite3.connect(self.database, timeout=60)) as database:
                yield from (said for (said,) in database.execute("SELECT said FROM taken ORDER BY number"))
        else:
            query = "SELECT said FROM taken WHERE destination = ? ORDER BY number"
            with contextlib.closing(sqlite3.connect(self._taken)) as database:
                database.execute(TABLE)
                yield from (said for (said,) in database.execute(query, (destination,)))

    def _lead_to(self, target: Path) -> None:
        link = self.files.with_suffix(".link")
        link.symlink_to(target)
        link.replace(self.files)

    def _say(self, path: str, **query: float) -> None:
        wait_until(self.process.spec.ready, "the receivers to serve")
        httpx.get(f"http://127.0.0.1:{self.http_port}{path}", params=query).raise_for_status()
