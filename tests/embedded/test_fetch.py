"""Fetching from a repository that misbehaves, into a cache that does."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from embedded import fetch as fetching
from embedded.artifacts import Artifact
from embedded.errors import StackError
from embedded.fetch import cache_dir, fetch, repository_url
from embedded.layout import free_ports
from embedded.screen import SilentScreen
from tests.embedded.conftest import Repository
from tests.support.waiting import wait_until

BODY = bytes(range(256)) * 4096


class Counted(SilentScreen):
    """Sums up what the screen was told."""

    def __init__(self) -> None:
        self.size = self.seen = 0
        self.ended = False

    def fetch_starts(self, files: int, size: int) -> None:  # noqa: ARG002
        self.size = size

    def fetched(self, size: int) -> None:
        self.seen += size

    def fetch_ends(self) -> None:
        self.ended = True


@pytest.fixture(autouse=True)
def short_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "BACK_OFF_S", 0.01)


def published(repository: Repository, name: str = "thing", body: bytes = BODY) -> Artifact:
    artifact = Artifact(f"org.example:{name}:1.0:jar", len(body), hashlib.sha256(body).hexdigest())
    repository.files[artifact.path] = body
    return artifact


def test_every_file_is_fetched_once_and_then_comes_from_the_cache(repository: Repository, tmp_path: Path) -> None:
    artifacts = [published(repository, f"thing{number}", BODY[number:]) for number in range(12)]
    for _ in range(2):
        paths = fetch(artifacts, tmp_path, SilentScreen(), repository.url)
        assert [path.read_bytes() for path in paths] == [BODY[number:] for number in range(12)]
    assert set(repository.requests.values()) == {1}
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize("damaged", [b"", BODY[:-1], b"x" + BODY[1:]], ids=["empty", "short", "other bytes"])
def test_a_damaged_file_is_fetched_again(repository: Repository, tmp_path: Path, damaged: bytes) -> None:
    artifact = published(repository)
    (path,) = fetch([artifact], tmp_path, SilentScreen(), repository.url)
    path.write_bytes(damaged)
    fetch([artifact], tmp_path, SilentScreen(), repository.url)
    assert path.read_bytes() == BODY


def test_a_cut_connection_is_resumed_where_it_ended(repository: Repository, tmp_path: Path) -> None:
    artifact, progress = published(repository), Counted()
    repository.faults = ["cut"]
    (path,) = fetch([artifact], tmp_path, progress, repository.url)
    assert path.read_bytes() == BODY
    assert repository.ranges == [None, f"bytes={len(BODY) // 2}-"]
    assert (progress.seen, progress.size, progress.ended) == (len(BODY), len(BODY), True)


def test_what_a_killed_process_left_is_continued(repository: Repository, tmp_path: Path) -> None:
    artifact, progress = published(repository), Counted()
    partial = tmp_path / f"{artifact.path}.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(BODY[:1000])
    fetch([artifact], tmp_path, progress, repository.url)
    assert repository.ranges == ["bytes=1000-"]
    assert progress.seen == len(BODY)


def test_a_damaged_beginning_is_thrown_away(repository: Repository, tmp_path: Path) -> None:
    artifact, progress = published(repository), Counted()
    partial = tmp_path / f"{artifact.path}.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"wrong")
    (path,) = fetch([artifact], tmp_path, progress, repository.url)
    assert path.read_bytes() == BODY
    assert progress.seen == len(BODY)


@pytest.mark.parametrize("status", [500, 503, 429, 416])
def test_a_passing_failure_is_tried_again(repository: Repository, tmp_path: Path, status: int) -> None:
    artifact = published(repository)
    repository.faults = [status, status]
    (path,) = fetch([artifact], tmp_path, SilentScreen(), repository.url)
    assert path.read_bytes() == BODY


def test_a_missing_file_is_an_error_at_once(repository: Repository, tmp_path: Path) -> None:
    artifact = published(repository)
    repository.files.clear()
    with pytest.raises(StackError, match=r"thing-1\.0\.jar answered HTTP 404 \(ONEFOLD_MAVEN_URL"):
        fetch([artifact], tmp_path, SilentScreen(), repository.url)
    assert repository.requests[artifact.path] == 1


def test_other_bytes_than_the_lock_says_are_refused_and_not_kept(repository: Repository, tmp_path: Path) -> None:
    artifact = published(repository)
    repository.files[artifact.path] = b"y" + BODY[1:]
    with pytest.raises(StackError, match=f"wrong checksum, expected sha256 {artifact.sha256}") as refused:
        fetch([artifact], tmp_path, SilentScreen(), repository.url)
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [".lock"]


def test_without_a_network_one_line_says_so(repository: Repository, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_ports(1)[0]}/maven"
    with pytest.raises(StackError, match=r"cannot fetch thing-1\.0\.jar from .*: no connection") as refused:
        fetch([published(repository)], tmp_path, SilentScreen(), nobody)
    assert "\n" not in str(refused.value)


def test_a_cache_that_cannot_be_written_is_named(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match=r"cannot write to the cache .*file/cache: .*ONEFOLD_CACHE"):
        fetch([published(repository)], tmp_path / "file" / "cache", SilentScreen(), repository.url)


def test_processes_that_start_together_fetch_each_file_once(repository: Repository, tmp_path: Path) -> None:
    artifacts = [published(repository, f"thing{number}") for number in range(4)]
    code = f"""
from pathlib import Path
from embedded.artifacts import Artifact
from embedded.fetch import fetch
from embedded.screen import PlainScreen, error_console
fetch({artifacts!r}, Path({str(tmp_path / "cache")!r}), PlainScreen(error_console()), {repository.url!r})
"""
    said = tmp_path / "said"
    repository.open.clear()
    with said.open("a") as output:
        processes = [subprocess.Popen([sys.executable, "-c", code], stderr=output) for _ in range(3)]
    try:
        wait_until(lambda: said.read_text().count("another process is fetching") == 2, "two to wait for the third")
        repository.open.set()
        assert [process.wait(60) for process in processes] == [0, 0, 0]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert set(repository.requests.values()) == {1}
    assert all((tmp_path / "cache" / artifact.path).read_bytes() == BODY for artifact in artifacts)


def test_the_environment_names_cache_and_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert cache_dir({"ONEFOLD_CACHE": "/a"}) == Path("/a")
    if sys.platform == "linux":
        assert cache_dir({}) == Path("/b/onefold")
    assert repository_url({"ONEFOLD_MAVEN_URL": "http://127.0.0.1/mirror/"}) == "http://127.0.0.1/mirror"
    assert repository_url({}).startswith("https://")
