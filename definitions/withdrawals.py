"""Who would stay in an audience though they have withdrawn their consent: until their segment ends, nobody exits. Pure.

A destination asks for consent when it sends an entry. Who withdraws it later is taken out by their segment, if that
asks for it as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from definitions.model import AllOf, AnyOf, Condition, ConsentComparison, Definitions, InSegment, Not, Segment
from schemas.consent import Default


class UnaskedSegment(NamedTuple):
    """A segment that does not ask what the destination asks that holds its members. `channel`: empty: every one."""

    segment: str
    destination: str
    purpose: str
    channel: str

    @property
    def advice(self) -> str:
        """What comes of it, and what to add."""
        channel = f"channel: {self.channel}, " if self.channel else ""
        return (
            f"who withdraws the consent to {self.purpose} stays in {self.destination} until the segment ends: "
            f"add `- {{consent: {self.purpose}, {channel}is: allowed}}` to an `all` in its `when`"
        )


def unasked_segments(of: Definitions) -> Iterator[UnaskedSegment]:
    """Yield the segments that would keep somebody where they have said that they do not want to be."""
    segments = {each.name: each for each in of.segments}
    for destination in of.destinations:
        if destination.holds == "states" and destination.consent_purpose in of.consent.defaults:
            channel = destination.reached_by if destination.reached_by in of.consent.channels else ""
            asking = _asking(destination.consent_purpose, channel, of.consent.defaults)
            for segment in of.segments:
                if destination.name in segment.destinations and not _asks(segment.when, asking, segments):
                    yield UnaskedSegment(segment.name, destination.name, destination.consent_purpose, channel)


def _asking(purpose: str, channel: str, defaults: Mapping[str, Default]) -> tuple[Condition, ...]:
    """Return the conditions that hold for nobody who has withdrawn a consent."""
    allowed, granted, denied = (
        ConsentComparison(purpose, channel, answer) for answer in ("allowed", "granted", "denied")
    )
    return (allowed, granted, Not(denied)) if defaults[purpose] == "opt_out" else (allowed, granted)


def _asks(when: Condition, asking: Sequence[Condition], segments: Mapping[str, Segment]) -> bool:
    """Return whether a condition holds only where one of those does; no segment is a part of its own."""
    match when:
        case AllOf(conditions=conditions):
            return any(_asks(each, asking, segments) for each in conditions)
        case AnyOf(conditions=conditions):
            return all(_asks(each, asking, segments) for each in conditions)
        case InSegment(name=name) if name in segments:
            return _asks(segments[name].when, asking, segments)
        case _:
            return when in asking
