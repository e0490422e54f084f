"""Where the peers live: a virtual environment for each Python peer, a jar for Kafka Streams; made once, cached."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from embedded.fetch import cache_dir

HERE = Path(__file__).parent


class Unavailable(Exception):
    """A peer cannot run on this machine; the message says what it needs."""


def cache() -> Path:
    """Return the folder for all of it, made when it is missing."""
    folder = cache_dir() / "bench-peers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def python(name: str, requirements: Sequence[str], newest: tuple[int, int]) -> Path:
    """Return the interpreter of a virtual environment with these requirements, for a Python up to `newest`.

    Raises Unavailable when there is no such Python, or pip fails.
    """
    base = _base_python(newest)
    key = hashlib.sha256("\n".join([base, *requirements]).encode()).hexdigest()[:12]
    folder = cache() / f"{name}-{key}"
    interpreter = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run([base, "-m", "venv", str(folder)])
        _run([str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements])
        done.touch()
    return interpreter


def _base_python(newest: tuple[int, int]) -> str:
    """Ours when it is old enough, else the newest one on the path that is."""
    if sys.version_info[:2] <= newest:
        return sys.executable
    for minor in range(newest[1], 10, -1):
        found = shutil.which(f"python3.{minor}")
        if found is not None and subprocess.run([found, "-V"], capture_output=True, check=False).returncode == 0:
            return found
    raise Unavailable(f"needs a Python up to {newest[0]}.{newest[1]}")


def kafka_streams() -> list[str]:
    """Return the command that runs the Java peer, without its arguments; built by Maven when it is not there yet."""
    java, compiler, maven = (shutil.which(name) for name in ("java", "javac", "mvn"))
    if java is None or compiler is None or maven is None:
        raise Unavailable("needs a JDK and mvn")
    sources = sorted(path for path in (HERE / "java").rglob("*") if path.suffix in {".java", ".xml"})
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    folder = cache() / f"kafka-streams-{key}"
    target = folder / "target"
    if not (target / "built").exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(HERE / "java", folder)
        goals = ["package", "dependency:copy-dependencies", f"-DoutputDirectory={target / 'lib'}"]
        _run([maven, "--quiet", "--batch-mode", "--file", str(folder / "pom.xml"), *goals])
        (target / "built").touch()
    return [java, "-cp", f"{target / 'cdp-fold-1.jar'}:{target / 'lib'}/*", "cdp.StreamsApp"]


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise Unavailable(f"could not be installed: {' '.join(command[:4])} ...: {' '.join(said)}")
