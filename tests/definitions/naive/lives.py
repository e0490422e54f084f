"""A profile as the naive evaluation sees it: all its events, in any order, each once, and the definitions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from definitions.model import Definitions


class Happened(NamedTuple):
    """One event of a profile. `also`: identifiers that it carries beside the profile's own."""

    at: int
    type: str
    name: str | None
    properties: Mapping[str, object] = {}
    traits: Mapping[str, object] = {}
    context: Mapping[str, object] = {}
    ordinal: int = 0
    message_id: str = ""
    source: str = "web"
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Life:
    """A profile: all its events, in any order, each once, and the definitions for its workspace and kind.

    `priorities`: of sources, as their traits outrank others of the same time. `sent`: the traits that were sent, in
    place of those in the identify calls. `mined`: the value of each trait that a query yields.
    """

    events: Sequence[Happened]
    definitions: Definitions = field(default_factory=Definitions)
    profile_id: str = ""
    priorities: Mapping[str, int] = field(default_factory=dict)
    sent: Mapping[str, object] | None = None
    mined: Mapping[str, object] = field(default_factory=dict)


def past(life: Life, now: int) -> list[Happened]:
    """The events up to now, in their total order."""
    return sorted((event for event in life.events if event.at <= now), key=order_of)


def order_of(event: Happened) -> tuple[int, int, str]:
    return event.at, event.ordinal, event.message_id
