"""What is too large for its topic is found, dead-lettered and left out; the rest of its batch is folded."""

from collections.abc import Sequence

import pytest

from state.outputs import Output
from state.view import StateView
from streams.phases import Folded, Received, Record
from streams.tasks.isolation import DoesNotFit, RefusedSizes, isolate
from tests.streams.in_memory import Concatenating, Table


def isolated(values: Sequence[bytes], sizes: RefusedSizes, stored: bytes = b"") -> Folded[tuple[bytes, bytes]]:
    """A batch of these values for one key, folded without what is too large."""
    table = Table()
    table.values = {b"k": stored}
    records = [Record("in", 0, offset, b"k", value) for offset, value in enumerate(values)]
    return isolate(Concatenating(), Received(records, {"in": len(values)}, 0), lambda: StateView(table), sizes)


def test_the_record_that_makes_an_output_too_large_is_left_out() -> None:
    sizes = RefusedSizes("changelog")
    sizes.note("out", 100)

    folded = isolated([b"a", b"x" * 200, b"b", b"y" * 300, b"c"], sizes)

    assert folded.effects.view.get(b"k") == b"abc"
    dead = [output for output in folded.effects.outputs if output.topic == "dead"]
    assert dead == [Output("dead", b"k", b"too_large")] * 2
    assert [refused.record.offset for refused in folded.decoded.refused] == [1, 3]
    assert "200 bytes" not in folded.decoded.refused[0].error.detail  # what is too large is the output
    assert "a record of 202 bytes for out" in folded.decoded.refused[0].error.detail


def test_the_record_that_makes_a_state_too_large_is_left_out() -> None:
    sizes = RefusedSizes("changelog")
    sizes.note("changelog", 11)

    folded = isolated([b"12345", b"67890", b"!"], sizes)

    assert folded.effects.view.get(b"k") == b"12345!"


def test_a_state_whose_size_depends_on_the_time_at_which_a_batch_ends_is_not_put_down_to_a_later_record() -> None:
    class Dated(Concatenating):
        """Remembers in the state of the large one how far the batch has come, in some bytes more or less."""

        def fold(self, decoded, view):  # type: ignore[no-untyped-def]
            effects = super().fold(decoded, view)
            if any(len(value) > 1_000 for _, value in decoded.items):
                view.put(b"large", b"x" * (5_000 + len(decoded.items) % 3))
            return effects

    sizes = RefusedSizes("changelog")
    sizes.note("changelog", 5_000 + len(b"large"))
    records = [Record("in", 0, offset, b"k", b"x" * 1_001 if offset == 2 else b"a") for offset in range(9)]

    folded = isolate(Dated(), Received(records, {"in": 9}, 0), lambda: StateView(Table()), sizes)

    assert [refused.record.offset for refused in folded.decoded.refused] == [2]


def test_the_smallest_size_that_was_refused_counts() -> None:
    sizes = RefusedSizes("changelog")
    for size in (50, 20, 90):
        sizes.note("out", size)

    assert [refused.record.offset for refused in isolated([b"a", b"x" * 20], sizes).decoded.refused] == [1]


def test_where_no_record_is_the_cause_nothing_can_be_done() -> None:
    class Stubborn(Concatenating):
        def fold(self, decoded, view):  # type: ignore[no-untyped-def]
            effects = super().fold(decoded, view)
            return effects._replace(outputs=[*effects.outputs, Output("out", b"", b"x" * 99)])

    sizes = RefusedSizes("changelog")
    sizes.note("out", 99)

    with pytest.raises(DoesNotFit, match="no record of the batch is the cause"):
        isolate(Stubborn(), Received([], {}, 0), lambda: StateView(Table()), sizes)
