"""What a profile has said about being sent things, by `context.consent.purposes` of its events."""

from tests.definitions.naive.lives import Happened, Life, past
from tests.definitions.naive.values import value_at

RESTRICTIONS = ("granted", "unknown", "denied")


def statements(life: Life, now: int) -> dict[tuple[str, str], tuple[str, int]]:
    """What counts for each purpose and channel: of each identifier the last word, of several the most restrictive."""
    last: dict[tuple[str, str, str], tuple[str, int]] = {}
    for event in sorted(past(life, now), key=lambda each: _order(each, life)):
        for purpose, channel, status in said_in(event):
            for identifier in (life.profile_id, *event.also):
                last[purpose, channel, identifier] = (status, event.at)
    counting: dict[tuple[str, str], tuple[str, int]] = {}
    for (purpose, channel, _), (status, at) in last.items():
        former = counting.get((purpose, channel), (status, at))
        counting[purpose, channel] = max((status, at), former, key=lambda each: (RESTRICTIONS.index(each[0]), each[1]))
    return counting


def _order(event: Happened, life: Life) -> tuple[int, int, int, str]:
    return event.at, life.priorities.get(event.source, 0), event.ordinal, event.message_id


def said_in(event: Happened) -> list[tuple[str, str, str]]:
    """The purpose, channel and status of each statement."""
    purposes = value_at(event.context, ("consent", "purposes"))
    said: list[tuple[str, str, str]] = []
    for purpose, value in (purposes if isinstance(purposes, dict) else {}).items():
        said += [(purpose, *each) for each in (value.items() if isinstance(value, dict) else [("all", value)])]
    return said


def answer(life: Life, purpose: str, channel: str, now: int) -> str:
    """Granted, denied or unknown, for a purpose by a channel, which is empty where all are meant."""
    counting = statements(life, now)
    wanted = [(a, b) for a in (purpose, "all") for b in (channel or "all", "all")]
    said = {key: counting[key] for key in wanted if key in counting}
    for key, (status, since) in said.items():
        if status == "denied" and not any(
            other == "granted" and later > since and narrower != key and is_part(narrower, key)
            for narrower, (other, later) in said.items()
        ):
            return "denied"
    return "granted" if any(status == "granted" for status, _ in said.values()) else "unknown"


def is_part(narrower: tuple[str, str], broader: tuple[str, str]) -> bool:
    """Whether one purpose and channel are among those of the other."""
    return all(outer in {inner, "all"} for inner, outer in zip(narrower, broader, strict=True))
