"""Files on a disk: what all files do, and what a disk can do."""

import asyncio
import os
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from definitions.receivers.files import Files, problems
from definitions.receivers.values import Secret
from sinks.destinations.contract import Delivered, Retry, Unauthorised
from sinks.destinations.files.errors import outcome_of
from sinks.destinations.files.places import Disk
from tests.sinks.destinations.files.contract import HOUR, FilesContract, run
from tests.sinks.destinations.store_deliveries import delivery
from tests.support.waiting import wait_until


class TestDisk(FilesContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.root = tmp_path / "die Läden?" / "exports"
        self.options = Files(url=f"file://{tmp_path}/die Läden%3F/exports")

        def files() -> Mapping[str, bytes]:
            found = (path for path in self.root.rglob("*") if path.is_file())
            return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in found}

        self.files = files

    def test_a_folder_that_is_no_folder_is_waited_for(self) -> None:
        self.root.parent.mkdir(parents=True)
        self.root.write_text("no folder", encoding="utf-8")
        (outcome,) = self.sent([delivery(0)])
        assert isinstance(outcome, Retry), outcome
        self.root.unlink()
        (outcome,) = self.sent([delivery(0)])
        assert isinstance(outcome, Delivered), outcome

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_that_may_not_be_written_pauses(self) -> None:
        self.root.mkdir(parents=True)
        self.root.chmod(0o500)
        (outcome,) = self.sent([delivery(0)])
        assert isinstance(outcome, Unauthorised)

    def test_nobody_sees_half_a_file_and_what_fails_leaves_nothing(self) -> None:
        path = self.root / HOUR / "name.csv"
        path.mkdir(parents=True)  # a folder stands where the file is to be: its last step fails
        with pytest.raises(OSError):  # noqa: PT011 - which one is the system's affair
            run(Disk(self.root).write(f"{HOUR}/name.csv", b"content"))
        assert self.files() == {}

    def test_a_file_that_was_given_up_does_not_come_later(self, monkeypatch: pytest.MonkeyPatch) -> None:
        has_begun, may_end, fsync = threading.Event(), threading.Event(), os.fsync

        def slow(descriptor: int) -> None:
            has_begun.set()
            assert may_end.wait(20)
            fsync(descriptor)

        async def write() -> None:
            writing = asyncio.create_task(Disk(self.root).write(f"{HOUR}/name.csv", b"content"))
            assert await asyncio.to_thread(has_begun.wait, 20)
            assert self.files()
            writing.cancel()
            await asyncio.wait([writing])
            may_end.set()
            await asyncio.to_thread(wait_until, lambda: not self.files(), "nothing to be left")

        monkeypatch.setattr(os, "fsync", slow)
        run(write())

    def test_a_reader_sees_the_old_file_or_the_new_one(self) -> None:
        async def write() -> set[bytes]:
            disk, seen = Disk(self.root), set()
            contents = [bytes([letter]) * 1_000_000 for letter in b"ab"]
            await disk.write("file", contents[0])
            for number in range(10):
                writing = asyncio.create_task(disk.write("file", contents[number % 2]))
                while not writing.done():
                    seen.add(await asyncio.to_thread((self.root / "file").read_bytes))
                await writing
            return seen - set(contents)

        assert run(write()) == set()


def test_a_permission_that_is_missing_pauses() -> None:
    assert isinstance(outcome_of(PermissionError(13, "Permission denied")), Unauthorised)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), FileNotFoundError(2, "No such file")])
def test_a_full_disk_is_tried_again(error: OSError) -> None:
    outcome = outcome_of(error)
    assert isinstance(outcome, Retry)
    assert str(error.strerror) in outcome.detail


def test_what_takes_too_long_is_a_time_out() -> None:
    outcome = outcome_of(TimeoutError())
    assert isinstance(outcome, Retry)
    assert outcome.reason == "timeout"


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (Files(url="file://relative"), "url"),
        (Files(url="s3:///path"), "url"),
        (Files(url="/var/exports"), "url"),
        (Files(url="s3://b", access_key=Secret(env="A")), "access_key"),
    ],
)
def test_options_that_cannot_be_are_named(options: Files, key: str) -> None:
    assert [problem.key for problem in problems(options)] == [key]
