"""A distribution in the cache: unpacked once, and again when it was damaged."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from embedded import fetch as fetching
from embedded.artifacts import Artifact
from embedded.errors import StackError
from embedded.screen import SilentScreen
from embedded.unpack import unpacked
from tests.embedded.conftest import Repository


def archive(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return written.getvalue()


@pytest.fixture
def distribution(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Artifact:
    return serve(repository, monkeypatch, archive({"run.jar": b"run", "lib/part.jar": b"part"}))


def serve(repository: Repository, monkeypatch: pytest.MonkeyPatch, body: bytes) -> Artifact:
    artifact = Artifact("org.example:app:3.0:tar.gz:all", len(body), hashlib.sha256(body).hexdigest())
    repository.files[artifact.path] = body
    monkeypatch.setenv("ONEFOLD_MAVEN_URL", repository.url)
    monkeypatch.setattr(fetching, "BACK_OFF_S", 0.01)
    return artifact


def test_it_is_fetched_and_unpacked_once(repository: Repository, distribution: Artifact, tmp_path: Path) -> None:
    for _ in range(2):
        folder = unpacked(distribution, tmp_path, SilentScreen())
        assert (folder / "run.jar").read_bytes() == b"run"
        assert (folder / "lib" / "part.jar").read_bytes() == b"part"
    assert repository.requests[distribution.path] == 1
    assert not list(tmp_path.rglob("*.tar.gz"))


def test_a_damaged_or_missing_file_has_it_unpacked_again(distribution: Artifact, tmp_path: Path) -> None:
    folder = unpacked(distribution, tmp_path, SilentScreen())
    (folder / "run.jar").write_bytes(b"ru")
    (folder / "lib" / "part.jar").unlink()
    unpacked(distribution, tmp_path, SilentScreen())
    assert (folder / "run.jar").read_bytes() == b"run"
    assert (folder / "lib" / "part.jar").read_bytes() == b"part"


def test_an_archive_that_leaves_its_folder_is_refused(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    evil = serve(repository, monkeypatch, archive({"../../evil": b"evil"}))
    with pytest.raises(StackError, match=r"cannot unpack app-3\.0-all\.tar\.gz"):
        unpacked(evil, tmp_path, SilentScreen())
    assert not list(tmp_path.rglob("evil"))
