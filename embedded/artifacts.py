"""The JVM files by name: which files there are, how large, with which checksum. Fetching them is `fetch`'s."""

from pathlib import Path

import msgspec

from embedded.errors import StackError

LOCK_FILE = Path(__file__).parent / "jvm.lock"


class Artifact(msgspec.Struct, frozen=True):
    """One file of a Maven repository. `coordinate` is `group:artifact:version:packaging[:classifier]`."""

    coordinate: str
    size: int
    sha256: str

    @property
    def packaging(self) -> str:
        """`jar`, or `tar.gz` for a distribution that is unpacked."""
        return self.coordinate.split(":")[3]

    @property
    def file_name(self) -> str:
        """The file's name, as the repository has it."""
        _, name, version, packaging, *classifier = self.coordinate.split(":")
        return f"{'-'.join([name, version, *classifier])}.{packaging}"

    @property
    def path(self) -> str:
        """Where the file lies below a repository's address and below the cache."""
        group, name, version, *_ = self.coordinate.split(":")
        return f"{group.replace('.', '/')}/{name}/{version}/{self.file_name}"


def read_lock(path: Path = LOCK_FILE) -> tuple[Artifact, ...]:
    """Return all artifacts of the lock file. Raises StackError naming the line that is malformed."""
    artifacts = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        fields = line.split()
        if len(fields) != 3 or not 4 <= len(fields[0].split(":")) <= 5 or not fields[1].isdecimal():
            raise StackError(f"{path}:{number}: expected 'coordinate size sha256', got {line!r}")
        artifacts.append(Artifact(fields[0], int(fields[1]), fields[2]))
    return tuple(artifacts)


def write_lock(artifacts: tuple[Artifact, ...], path: Path = LOCK_FILE) -> None:
    """Write the lock file, sorted, so that a change of one version is a change of a few lines."""
    lines = ["# The JVM files of the embedded stack: coordinate, bytes, sha256. Made by `python -m embedded.lock`."]
    lines += [f"{item.coordinate} {item.size} {item.sha256}" for item in sorted(artifacts, key=lambda a: a.coordinate)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
