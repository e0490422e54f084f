"""What definitions need to be remembered: long enough for whatever may still contradict."""

from definitions.model import Call, EventMatcher, Sequence, Step
from definitions.plan import needs

VIEWED, BOUGHT, LEFT = (EventMatcher((Call("track", name),)) for name in ("View", "Buy", "Leave"))


def retained(*steps: Step) -> list[int | None]:
    return [need.retain_ms for need in needs(Sequence(steps, within_ms=100))]


def test_an_event_of_a_sequence_is_kept_until_none_that_it_leads_to_can_count() -> None:
    assert retained(Step(VIEWED), Step(BOUGHT, within_ms=5), Step(LEFT, within_ms=7)) == [112, 107, 100]
    assert retained(Step(VIEWED), Step(BOUGHT)) == [None, 100]


def test_an_event_that_contradicts_is_kept_as_long_as_the_one_before_it() -> None:
    assert retained(Step(VIEWED), Step(BOUGHT, within_ms=5, absent=True)) == [105, 105]
    assert retained(Step(VIEWED), Step(BOUGHT, within_ms=5, without=LEFT), Step(LEFT, within_ms=7)) == [
        112,
        107,
        112,
        100,
    ]
