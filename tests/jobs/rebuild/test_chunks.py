"""Parts hold all events in order, keep their bounds, and exactly the last one says so."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from jobs.rebuild.chunks import MAX_BYTES, MAX_EVENTS, MAX_SESSIONS, Part, parts

SIZES = st.lists(st.sampled_from([0, 1, 300, 200_000, 700_000, MAX_BYTES, MAX_BYTES + 1]), max_size=30)


@given(SIZES)
def test_nothing_is_lost_and_bounds_are_kept(sizes: list[int]) -> None:
    events = [bytes([at % 256]) * size for at, size in enumerate(sizes)]
    found = list(parts(events))
    assert [event for part in found for event in part.events] == events
    assert [part.number for part in found] == list(range(len(found)))
    assert [part.last for part in found] == [False] * (len(found) - 1) + [True]
    assert all(sum(map(len, part.events)) <= MAX_BYTES or len(part.events) == 1 for part in found)


def test_a_profile_without_events_gets_its_last_part_all_the_same() -> None:
    assert list(parts([])) == [Part(0, (), last=True)]


def test_small_events_are_bounded_by_their_number() -> None:
    assert [len(part.events) for part in parts([b"x"] * (2 * MAX_EVENTS + 1))] == [MAX_EVENTS, MAX_EVENTS, 1]
    assert [len(part.events) for part in parts([b"x"] * MAX_EVENTS)] == [MAX_EVENTS]


def test_events_are_taken_as_they_are_needed() -> None:
    taken = []

    def endless() -> Iterator[bytes]:
        at = 0
        while True:
            taken.append(at)
            yield b"x"
            at += 1

    next(parts(endless()))
    assert len(taken) == MAX_EVENTS + 1


def test_sessions_come_with_the_last_events_and_in_parts_of_their_own() -> None:
    sessions = [f"s{number}" for number in range(2 * MAX_SESSIONS + 1)]
    given = list(parts([b"x"] * (MAX_EVENTS + 1), sessions))

    assert [(part.number, len(part.events), len(part.sessions), part.last) for part in given] == [
        (0, MAX_EVENTS, 0, False), (1, 1, MAX_SESSIONS, False), (2, 0, MAX_SESSIONS, False), (3, 0, 1, True),
    ]  # fmt: skip
    assert [session for part in given for session in part.sessions] == sessions
    assert list(parts([], sessions[:MAX_SESSIONS])) == [Part(0, (), True, tuple(sessions[:MAX_SESSIONS]))]
