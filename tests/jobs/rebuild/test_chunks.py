"""Chunks hold all events in order, keep their bounds, and exactly the last one says so."""

from collections.abc import Iterable, Iterator

from hypothesis import given
from hypothesis import strategies as st

from jobs.rebuild.chunks import MAX_BYTES, MAX_EVENTS, MAX_SESSIONS, Chunk, chunks
from warehouse.queries.past_events import PastEvent

SIZES = st.lists(st.sampled_from([0, 1, 300, 200_000, 700_000, MAX_BYTES, MAX_BYTES + 1]), max_size=30)


def past(bodies: Iterable[bytes]) -> list[PastEvent]:
    """Events of which only the bytes matter."""
    return [PastEvent(0, (0, number, 0), (), body) for number, body in enumerate(bodies)]


def test_repetitions_are_named_by_their_numbers_in_the_chunk() -> None:
    events = [event._replace(is_repetition=event.sort_key[1] % 3 == 0) for event in past([b"x"] * (MAX_EVENTS + 4))]
    first, second = chunks(events)
    assert first.repeated == tuple(range(0, MAX_EVENTS, 3))
    assert second.repeated == (2,)


@given(SIZES)
def test_nothing_is_lost_and_bounds_are_kept(sizes: list[int]) -> None:
    events = [bytes([at % 256]) * size for at, size in enumerate(sizes)]
    gathered = list(chunks(past(events)))
    assert [event for chunk in gathered for event in chunk.events] == events
    assert [chunk.number for chunk in gathered] == list(range(len(gathered)))
    assert [chunk.last for chunk in gathered] == [False] * (len(gathered) - 1) + [True]
    assert all(sum(map(len, chunk.events)) <= MAX_BYTES or len(chunk.events) == 1 for chunk in gathered)


def test_a_profile_without_events_gets_its_last_chunk_all_the_same() -> None:
    assert list(chunks([])) == [Chunk(0, (), last=True)]


def test_small_events_are_bounded_by_their_number() -> None:
    assert [len(chunk.events) for chunk in chunks(past([b"x"] * (2 * MAX_EVENTS + 1)))] == [MAX_EVENTS, MAX_EVENTS, 1]
    assert [len(chunk.events) for chunk in chunks(past([b"x"] * MAX_EVENTS))] == [MAX_EVENTS]


def test_events_are_taken_as_they_are_needed() -> None:
    taken = []

    def endless() -> Iterator[PastEvent]:
        at = 0
        while True:
            taken.append(at)
            yield from past([b"x"])
            at += 1

    next(chunks(endless()))
    assert len(taken) == MAX_EVENTS + 1


def test_sessions_come_with_the_last_events_and_in_chunks_of_their_own() -> None:
    sessions = [f"s{number}" for number in range(2 * MAX_SESSIONS + 1)]
    given = list(chunks(past([b"x"] * (MAX_EVENTS + 1)), sessions))

    assert [(chunk.number, len(chunk.events), len(chunk.sessions), chunk.last) for chunk in given] == [
        (0, MAX_EVENTS, 0, False), (1, 1, MAX_SESSIONS, False), (2, 0, MAX_SESSIONS, False), (3, 0, 1, True),
    ]  # fmt: skip
    assert [session for chunk in given for session in chunk.sessions] == sessions
    assert list(chunks([], sessions[:MAX_SESSIONS])) == [Chunk(0, (), True, tuple(sessions[:MAX_SESSIONS]))]
