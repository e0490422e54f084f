"""The store of one partition: states, the index of deadlines, and what survives being closed, truncated or wiped."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.store import META, STALE_AFTER_S, StateStore, StoreCorrupt
from state.view import StateView


def _deadline_of(value: bytes) -> int | None:
    """Values of these tests are their deadline as text; `-` has none."""
    return None if value == b"-" else int(value)


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    return StateStore(tmp_path / "table-0", _deadline_of)


def _commit(store: StateStore, changes: dict[bytes, bytes | None], offset: int = 0) -> None:
    view = StateView(store)
    for key, value in changes.items():
        view.put(key, value)
    store.write(view.changes, view.stored, offset)


def test_due_keys_come_in_the_order_of_their_deadlines_and_only_of_their_workspace(store: StateStore) -> None:
    _commit(store, {b"main|a": b"30", b"main|b": b"10", b"main2|c": b"5", b"main|d": b"-", b"main|e": b"11"})

    assert store.due("main", 20, 100) == [b"main|b", b"main|e"]
    assert store.due("main", 30, 100) == [b"main|b", b"main|e", b"main|a"]
    assert store.due("main", 30, 1) == [b"main|b"]
    assert store.due("main2", 30, 100) == [b"main2|c"]
    assert store.due("mai", 30, 100) == []


def test_a_deadline_is_inclusive(store: StateStore) -> None:
    _commit(store, {b"main|a": b"10"})

    assert store.due("main", 9, 10) == []
    assert store.due("main", 10, 10) == [b"main|a"]


def test_deadlines_before_1970_sort_before_later_ones(store: StateStore) -> None:
    _commit(store, {b"main|late": b"1", b"main|early": b"-5"})

    assert store.due("main", 1, 10) == [b"main|early", b"main|late"]


def test_meta_records_have_no_deadline_and_are_found_by_prefix(store: StateStore) -> None:
    _commit(store, {META + b"position|events": b"7", META + b"position|routes": b"9", META + b"clock|main": b"3"})

    assert store.meta(b"position|") == {b"events": b"7", b"routes": b"9"}
    assert store.due("main", 100, 10) == []


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    first = StateStore(tmp_path / "s", _deadline_of)
    _commit(first, {b"main|a": b"10"}, offset=41)
    first.close()

    again = StateStore(tmp_path / "s", _deadline_of)

    assert again.get(b"main|a") == b"10"
    assert again.applied() == 41
    assert again.due("main", 10, 10) == [b"main|a"]


WRITES_UNTIL_KILLED = """
import os, signal, sys
from pathlib import Path
from state.store import StateStore

store = StateStore(Path(sys.argv[1]), None)
for offset in range(int(sys.argv[2])):
    store.write({b"key-%d" % number: b"%d" % offset + os.urandom(20_000) for number in range(100)}, store.get, offset)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("batches", [3, 40])
def test_killed_it_is_as_it_was_after_a_whole_batch_and_knows_which(tmp_path: Path, batches: int) -> None:
    """3 batches of 2 MB lie in the memtable; 40 fill two of them."""
    path = tmp_path / "table-0"
    killed = subprocess.run([sys.executable, "-c", WRITES_UNTIL_KILLED, str(path), str(batches)], check=False)
    assert killed.returncode == -signal.SIGKILL

    store = StateStore(path, None)

    applied = store.applied()
    assert applied is not None or batches == 3
    states = {value and value[:-20_000] for value in store.get_many([b"key-%d" % number for number in range(100)])}
    assert states == {None if applied is None else b"%d" % applied}
    store.close()


_WORKSPACES = st.sampled_from(["main", "mai", "main2"])
_WRITE = st.dictionaries(
    st.tuples(_WORKSPACES, st.sampled_from("abcd")).map(lambda of: f"{of[0]}|{of[1]}".encode()),
    st.none() | st.just(b"-") | st.integers(-20, 20).map(lambda deadline: b"%d" % deadline),
)
_ASK = st.tuples(_WORKSPACES, st.integers(-25, 25), st.integers(0, 4))


@given(st.lists(_WRITE | _ASK, max_size=20))
@settings(deadline=None, max_examples=60)
def test_whatever_was_written_and_asked_before_due_is_exactly_what_is_stored(
    tmp_path_factory: pytest.TempPathFactory, steps: list[dict[bytes, bytes | None] | tuple[str, int, int]]
) -> None:
    store = StateStore(tmp_path_factory.mktemp("store"), _deadline_of)
    model: dict[bytes, bytes | None] = {}
    for step in [*steps, ("main", 25, 100), ("mai", 25, 100), ("main2", 25, 100)]:
        if isinstance(step, dict):
            _commit(store, step)
            model |= step
            continue
        workspace, until, limit = step
        deadlines = ((int(value), key) for key, value in model.items() if value is not None and value != b"-")
        of_workspace = sorted(
            entry for entry in deadlines if entry[1].startswith(f"{workspace}|".encode()) and entry[0] <= until
        )
        assert store.due(workspace, until, limit) == [key for _, key in of_workspace][:limit]
    store.close()


def test_what_is_written_while_another_thread_looks_is_due_afterwards(store: StateStore) -> None:
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            store.due("main", 1 << 62, 20)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        _commit(store, {b"main|far": b"%d" % (1 << 40)})
        for number in range(200):
            new = {b"main|%d-%d" % (number, each): b"%d" % number for each in range(50)}
            _commit(store, dict(new))
            assert set(store.due("main", 1 << 30, 1_000)) == new.keys()
            _commit(store, dict.fromkeys(new))
    finally:
        is_over.set()
        looking.join()


def test_a_store_that_nobody_held_for_days_is_not_relied_upon(tmp_path: Path) -> None:
    path = tmp_path / "table-0"
    store = StateStore(path, _deadline_of)
    _commit(store, {b"main|a": b"10"})
    store.close()
    held_at = time.time() - STALE_AFTER_S

    os.utime(path / "HELD", (held_at + 60, held_at + 60))
    StateStore(path, _deadline_of).close()
    os.utime(path / "HELD", (held_at - 60, held_at - 60))

    with pytest.raises(StoreCorrupt, match="for 5 days"):
        StateStore(path, _deadline_of)


def test_a_wiped_store_is_empty_and_usable(store: StateStore) -> None:
    _commit(store, {b"main|a": b"10"}, offset=41)

    store.wipe()

    assert store.get(b"main|a") is None
    assert store.applied() is None
    _commit(store, {b"main|a": b"1"}, offset=1)
    assert store.due("main", 1, 10) == [b"main|a"]


def test_a_store_without_its_current_file_is_reported_not_taken_for_empty(tmp_path: Path) -> None:
    first = StateStore(tmp_path / "s", _deadline_of)
    _commit(first, {b"main|a": b"10"})
    first.close()
    (tmp_path / "s" / "CURRENT").write_bytes(b"no manifest\n")

    with pytest.raises(StoreCorrupt):
        StateStore(tmp_path / "s", _deadline_of)


def test_a_store_that_another_process_holds_is_not_taken_for_corrupt(tmp_path: Path) -> None:
    owner = StateStore(tmp_path / "s", _deadline_of)

    with pytest.raises(Exception, match=r"(?i)lock") as caught:
        StateStore(tmp_path / "s", _deadline_of)

    assert not isinstance(caught.value, StoreCorrupt)
    owner.close()


def test_the_remains_of_a_store_are_not_taken_for_an_empty_folder(tmp_path: Path) -> None:
    first = StateStore(tmp_path / "s", _deadline_of)
    _commit(first, {b"main|a": b"10"})
    first._db.flush()
    first.close()
    for path in [tmp_path / "s" / "CURRENT", *(tmp_path / "s").glob("*.log")]:
        path.unlink()

    with pytest.raises(StoreCorrupt):
        StateStore(tmp_path / "s", _deadline_of)


def _rotten(path: Path) -> StateStore:
    """A store of some size, of which nothing but the index of its blocks can be read."""
    store = StateStore(path, _deadline_of)
    _commit(store, {b"main|%06d" % number: b"%d" % number for number in range(20_000)})
    _commit(store, {META + b"position|events": b"7"}, offset=41)
    store._db.flush()
    store.close()
    for table in path.glob("*.sst"):
        content = bytearray(table.read_bytes())
        for position in range(0, len(content) * 9 // 10, 500):
            content[position] ^= 0xFF
        table.write_bytes(content)
    return StateStore(path, _deadline_of)


@pytest.mark.parametrize(
    "read",
    [
        lambda store: store.applied(),
        lambda store: store.get(b"main|000007"),
        lambda store: store.get_many([b"main|000007"]),
        lambda store: store.meta(b"position|"),
        lambda store: store.due("main", 20_000, 20_000),
    ],
    ids=["applied", "get", "get_many", "meta", "due"],
)
def test_what_cannot_be_read_is_never_taken_for_nothing_and_the_folder_is_not_opened_again(
    tmp_path: Path, read: Callable[[StateStore], object]
) -> None:
    store = _rotten(tmp_path / "s")
    with pytest.raises(StoreCorrupt):
        read(store)
    store.close()

    with pytest.raises(StoreCorrupt):
        StateStore(tmp_path / "s", _deadline_of)
    StateStore.remove(tmp_path / "s")
    assert StateStore(tmp_path / "s", _deadline_of).applied() is None


_KEYS = st.sampled_from([b"main|a", b"main|b", b"main|c"])
_VALUES = st.one_of(st.none(), st.just(b"-"), st.integers(-50, 50).map(lambda deadline: b"%d" % deadline))


@settings(max_examples=50, deadline=None)
@given(batches=st.lists(st.dictionaries(_KEYS, _VALUES, min_size=1), max_size=8))
def test_the_changelog_rebuilds_the_same_store(
    tmp_path_factory: pytest.TempPathFactory, batches: list[dict[bytes, bytes | None]]
) -> None:
    written = StateStore(tmp_path_factory.mktemp("written") / "s", _deadline_of)
    rebuilt = StateStore(tmp_path_factory.mktemp("rebuilt") / "s", _deadline_of)
    for number, batch in enumerate(batches):
        _commit(written, batch, offset=number)

    rebuilt.apply([record for batch in batches for record in batch.items()], len(batches) - 1)

    keys = [b"main|a", b"main|b", b"main|c"]
    assert rebuilt.get_many(keys) == written.get_many(keys)
    assert sorted(rebuilt.due("main", 100, 10)) == sorted(written.due("main", 100, 10))
    assert rebuilt.applied() == (written.applied() if batches else -1)
