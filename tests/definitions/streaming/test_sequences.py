"""Sequences are completed at their exact time, by events that are distinct and in order."""

from collections.abc import Callable, Sequence

from definitions import NEVER, Definitions, Segment, compile_program
from definitions.model import (
    Aggregate,
    AggregateComparison,
    Call,
    EventMatcher,
    Field,
    Measure,
    Step,
    Window,
)
from definitions.model import Sequence as EventSequence
from definitions.plan.accumulators import MAX_STEP_EVENTS
from tests.definitions.naive.lives import Happened
from tests.definitions.streaming.subjects import Evaluated, Known

A, B, C = (EventMatcher((Call("track", name),)) for name in "ABC")
DAY = 86_400_000


def over(
    happened: Sequence[Happened], *steps: Step, within_ms: int = DAY, at_least: int = 1, same: Field | None = None
) -> Callable[[int], Evaluated]:
    program = compile_program(Definitions((Segment("s", EventSequence(steps, within_ms, at_least, same)),)))
    (segment,) = program.segments
    return lambda now: Evaluated(*segment.evaluate(Known(program, happened, now), now))


def happened(*events: tuple[int, str]) -> list[Happened]:
    return [Happened(at, "track", name, {}, ordinal=number) for number, (at, name) in enumerate(events)]


def test_a_then_b_is_completed_by_b_and_lasts_for_the_window() -> None:
    at = over(happened((0, "A"), (9, "B")), Step(A), Step(B, 10))
    assert [at(now) for now in (0, 9, 8 + DAY, 9 + DAY)] == [
        (False, NEVER),
        (True, 9 + DAY),
        (True, 9 + DAY),
        (False, NEVER),
    ]


def test_a_gap_of_exactly_the_period_is_too_long() -> None:
    assert not over(happened((0, "A"), (10, "B")), Step(A), Step(B, 10))(10).holds
    assert over(happened((0, "A"), (10**9, "B")), Step(A), Step(B), within_ms=DAY)(10**9).holds, "ever after"


def test_of_equal_times_the_ordinal_decides() -> None:
    assert over(happened((5, "A"), (5, "B")), Step(A), Step(B, 10))(5).holds
    assert not over(happened((5, "B"), (5, "A")), Step(A), Step(B, 10))(5).holds


def test_one_event_is_not_two_steps() -> None:
    assert not over(happened((5, "A")), Step(A), Step(A, 10))(5).holds
    assert over(happened((5, "A"), (6, "A")), Step(A), Step(A, 10))(6).holds


def test_what_must_not_lie_between_breaks_the_sequence_unless_a_later_start_is_behind_it() -> None:
    steps = (Step(A), Step(B, 10, without=C))
    assert not over(happened((0, "A"), (1, "C"), (2, "B")), *steps)(2).holds
    assert over(happened((0, "A"), (1, "C"), (2, "A"), (3, "B")), *steps)(3).holds
    assert over(happened((0, "C"), (1, "A"), (2, "B"), (3, "C")), *steps)(3).holds


def test_an_absent_last_step_is_completed_when_its_time_is_over() -> None:
    at = over(happened((0, "A"), (4, "A")), Step(A), Step(B, 10, absent=True))
    assert [at(now) for now in (0, 4, 10)] == [(False, 10), (False, 10), (True, 14 + DAY)]
    at = over(happened((0, "A"), (9, "B")), Step(A), Step(B, 10, absent=True))
    assert [at(now) for now in (0, 9, 10)] == [(False, 10), (False, NEVER), (False, NEVER)]
    assert over(happened((0, "A"), (10, "B")), Step(A), Step(B, 10, absent=True))(10).holds, "too late to answer"


def test_an_answer_counts_for_as_long_as_the_completion_that_it_prevents() -> None:
    at = over(happened((0, "A"), (1, "B"), (20, "C")), Step(A), Step(B, 10, absent=True), within_ms=15)
    assert [at(now).holds for now in (10, 20, 24)] == [False, False, False]


def test_three_steps_need_each_other() -> None:
    steps = (Step(A), Step(B, 10), Step(C, 10))
    assert over(happened((0, "A"), (9, "B"), (18, "C")), *steps)(18).holds
    assert not over(happened((0, "A"), (10, "B"), (11, "C")), *steps)(11).holds
    assert not over(happened((0, "B"), (1, "A"), (2, "C")), *steps)(2).holds


def test_completions_are_counted_by_their_last_events_in_the_window() -> None:
    events = happened((0, "A"), (1, "B"), (2, "B"), (30, "A"), (31, "B"))
    at = over(events, Step(A), Step(B, 10), within_ms=30, at_least=2)
    assert [at(now) for now in (1, 2, 31)] == [(False, NEVER), (True, 31), (True, 32)]
    assert at(32) == (False, NEVER)


def test_all_events_of_a_sequence_have_one_value() -> None:
    def named(at: int, name: str, item: object) -> Happened:
        return Happened(at, "track", name, {"item": item})

    steps, item = (Step(A), Step(B, 10, without=C)), Field(("item",))
    assert not over([named(0, "A", 1), named(1, "B", 2), named(2, "B", "1"), named(3, "B", True)], *steps, same=item)(
        3
    ).holds
    assert over([named(0, "A", 1), named(1, "C", 2), named(2, "B", 1.0)], *steps, same=item)(2).holds
    assert not over([named(0, "A", 1), named(1, "C", 1), named(2, "B", 1)], *steps, same=item)(2).holds


def test_it_is_looked_for_among_the_newest_events_of_each_step() -> None:
    events = [Happened(number, "track", "A", {}, ordinal=number) for number in range(MAX_STEP_EVENTS + 1)]
    before = Happened(0, "track", "B", {}, ordinal=1, message_id="b")
    for at_least, holds in ((1, True), (2, False)):
        b_after_the_oldest = [*events, before._replace(at=1, ordinal=0)]
        assert not over(b_after_the_oldest, Step(A), Step(B, 10), at_least=at_least)(DAY // 2).holds
        b_after_the_second = [*events, before._replace(at=2, ordinal=0)]
        assert over(b_after_the_second, Step(A), Step(B, 10), at_least=at_least)(DAY // 2).holds is holds


def test_it_is_looked_for_among_no_more_where_others_need_more() -> None:
    sequence = EventSequence((Step(A), Step(B, DAY)), DAY, at_least=MAX_STEP_EVENTS + 1)
    count = AggregateComparison(Aggregate(B, Measure.COUNT, None, Window(DAY)), ())
    program = compile_program(Definitions((Segment("s", sequence), Segment("t", count))))
    assert len(program.accumulators) == 2
    events = happened((0, "A"), *((at, "B") for at in range(1, 2 * MAX_STEP_EVENTS)))
    assert not program.segments[0].evaluate(Known(program, events, DAY // 2), DAY // 2)[0]
