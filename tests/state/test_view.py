"""A batch sees its own writes, and the store stays as it was until the commit."""

from pathlib import Path

from state.store import StateStore
from state.view import StateView


def test_a_batch_reads_its_own_writes_and_the_store_does_not_change(tmp_path: Path) -> None:
    store = StateStore(tmp_path / "s", None)
    store.write({b"main|a": b"old", b"main|b": b"kept"}, lambda _: None, 0)
    view = StateView(store)
    view.prefetch([b"main|a", b"main|b", b"main|a"])

    view.put(b"main|a", b"new")
    view.put(b"main|b", None)
    view.put(b"main|c", b"made")

    assert [view.get(key) for key in (b"main|a", b"main|b", b"main|c")] == [b"new", None, b"made"]
    assert view.stored(b"main|a") == b"old"
    assert view.stored(b"main|c") is None
    assert store.get_many([b"main|a", b"main|b", b"main|c"]) == [b"old", b"kept", None]
    assert dict(view.changes) == {b"main|a": b"new", b"main|b": None, b"main|c": b"made"}


def test_what_is_decoded_is_decoded_again_once_it_was_written(tmp_path: Path) -> None:
    store = StateStore(tmp_path / "s", None)
    store.write({b"main|a": b"old"}, lambda _: None, 0)
    view = StateView(store)
    calls: list[bytes | None] = []

    def decode(value: bytes | None) -> str:
        calls.append(value)
        return "" if value is None else value.decode()

    assert [view.decoded(b"main|a", decode) for _ in range(3)] == ["old"] * 3
    view.put(b"main|b", b"other")
    assert view.decoded(b"main|a", decode) == "old"
    view.put(b"main|a", b"new")
    assert view.decoded(b"main|a", decode) == "new"
    view.put(b"main|a", None)
    assert view.decoded(b"main|a", decode) == ""
    assert calls == [b"old", b"new", None]
