"""Artifacts by name, and the lock file that lists them."""

from pathlib import Path

import pytest

from embedded.artifacts import Artifact, read_lock, write_lock
from embedded.errors import StackError

JAR = Artifact("org.example.tools:thing:1.2:jar", 10, "ab" * 32)
DISTRIBUTION = Artifact("org.example:app:3.0:tar.gz:all", 20, "cd" * 32)


def test_a_path_is_that_of_a_maven_repository() -> None:
    assert JAR.path == "org/example/tools/thing/1.2/thing-1.2.jar"
    assert DISTRIBUTION.path == "org/example/app/3.0/app-3.0-all.tar.gz"


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "jvm.lock"
    write_lock((JAR, DISTRIBUTION), path)
    assert set(read_lock(path)) == {JAR, DISTRIBUTION}


@pytest.mark.parametrize("line", ["org.example:thing:1.2:jar 10", "thing 10 ab", "org.example:thing:1.2:jar ten ab"])
def test_a_malformed_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "jvm.lock"
    path.write_text(f"# comment\n{line}\n", encoding="utf-8")
    with pytest.raises(StackError, match=r"jvm\.lock:2: expected 'coordinate size sha256'"):
        read_lock(path)


def test_the_shipped_lock_has_kafka_with_a_log_binding_and_one_distribution() -> None:
    artifacts = read_lock()
    names = {artifact.coordinate.split(":")[1] for artifact in artifacts}
    assert {"kafka_2.13", "kafka-clients", "slf4j-simple"} <= names
    assert [item.coordinate.split(":")[1] for item in artifacts if item.packaging != "jar"] == ["apicurio-registry-app"]
