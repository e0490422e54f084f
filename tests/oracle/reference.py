"""What every profile must be, recomputed from all accepted events at once: the reference of the oracle.

Shares no code with `streams` or the compiled definitions and avoids every cleverness: each figure is computed from
the person's whole list of events. Who is who is left to `identities`, memberships to the predicates it is given.
"""

import json
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.records import Event, Identifier, IdentityRequest
from tests.oracle import identities

SESSION_GAP_MS = 30 * 60 * 1000

JsonObject = dict[str, object]


@dataclass(frozen=True)
class Visit:
    """A session: events with gaps under 30 minutes. Open until the gap after its last event is full.

    `source`: the traffic source, of its first event that says one.
    """

    started_at: int
    ended_at: int
    events: int
    entry_url: str | None
    status: str
    source: str


@dataclass(frozen=True)
class Facts:
    """What a segment may ask about: traits that are set, and events, oldest first, as of a time in ms."""

    traits: JsonObject
    events: Sequence[Event]
    at: int


Segment = Callable[[Facts], bool]


@dataclass(frozen=True)
class Person:
    """One profile at rest."""

    profile_id: str
    identifiers: frozenset[Identifier]
    message_ids: frozenset[str]
    traits: JsonObject
    counters: dict[str, int]
    events: int
    first_seen_at: int
    last_seen_at: int
    sessions: tuple[Visit, ...]
    segments: frozenset[str]


@dataclass(frozen=True)
class World:
    """What the computation depends on besides events and requests. A source that is not listed has priority 0.

    `strength`: sort key of identifiers, the smallest of a person is the canonical one.
    """

    namespace: uuid.UUID
    priorities: Mapping[str, int]
    segments: Mapping[str, Segment]
    strength: Callable[[Identifier], tuple[int, str]] = identities.strength


def _strongest(event: Event) -> Identifier:
    return min(event.identifiers, key=identities.strength)


def recompute(  # noqa: PLR0913, PLR0917 - what a profile depends on
    events: Iterable[Event],
    requests: Iterable[IdentityRequest | Iterable[Identifier]],
    world: World,
    at: int,
    owner: Callable[[Event], Identifier] = _strongest,
    shared: Collection[Identifier] = (),
) -> dict[str, Person]:
    """Every person with at least one event, by profile id, at time `at` (no event is younger).

    An event belongs to the person of its strongest identifier, or of `owner`; of a person's events with one source and
    message id the first counts. `shared`: devices that were found to be shared, besides those that the requests show.
    """
    decided = identities.decided(requests)
    components, devices = decided.persons(), {*decided.shared, *shared}
    owned: dict[frozenset[Identifier], dict[tuple[str, str], Event]] = {}
    for event in events:
        primary = owner(event)
        members = next((component for component in components if primary in component), frozenset([primary]))
        owned.setdefault(members, {}).setdefault((event.source, event.message_id), event)
    people = [
        _person(members, [*theirs.values()], world, at, is_device=members <= devices)
        for members, theirs in owned.items()
    ]
    return {person.profile_id: person for person in people}


def sessions(events: Iterable[Event], at: int) -> tuple[Visit, ...]:
    """The events cut wherever two neighbours are 30 minutes or more apart, oldest first."""
    visits: list[list[Event]] = []
    for event in sorted(events, key=lambda event: event.occurred_at):
        if visits and event.occurred_at - visits[-1][-1].occurred_at < SESSION_GAP_MS:
            visits[-1].append(event)
        else:
            visits.append([event])
    return tuple(_visit(visit, at) for visit in visits)


def traits(events: Iterable[Event], priorities: Mapping[str, int]) -> JsonObject:
    """Of each trait the last write by (time, source priority, ordinal, message id); a null unsets it."""
    writes: dict[str, list[tuple[int, int, int, str, object]]] = {}
    for event in events:
        if event.type == "identify":
            for name, value in json.loads(event.traits).items():
                priority = priorities.get(event.source, 0)
                write = (event.occurred_at, priority, event.ordinal, event.message_id, value)
                writes.setdefault(name, []).append(write)
    last = {name: max(written, key=lambda write: write[:4])[4] for name, written in writes.items()}
    return {name: value for name, value in last.items() if value is not None}


def _person(members: frozenset[Identifier], events: list[Event], world: World, at: int, is_device: bool) -> Person:
    ordered = sorted(events, key=lambda event: event.occurred_at)
    facts = Facts(traits(ordered, world.priorities), ordered, at)
    return Person(
        profile_id=(
            identities.device_profile_id(world.namespace, *members)
            if is_device
            else identities.profile_id(world.namespace, members, world.strength)
        ),
        identifiers=members,
        message_ids=frozenset(event.message_id for event in ordered),
        traits=facts.traits,
        counters=dict(Counter(event.event or event.type for event in ordered)),
        events=len(ordered),
        first_seen_at=ordered[0].occurred_at,
        last_seen_at=ordered[-1].occurred_at,
        sessions=sessions(ordered, at),
        segments=frozenset(name for name, holds in world.segments.items() if not is_device and holds(facts)),
    )


def _visit(events: list[Event], at: int) -> Visit:
    ended_at = events[-1].occurred_at
    pages = [(event.occurred_at, event.ordinal, url) for event in events if (url := _url(event))]
    sources = [
        (event.occurred_at, event.ordinal, event.message_id, str(source))
        for event in events
        if (source := json.loads(event.context).get("facts", {}).get("source"))
    ]
    return Visit(
        started_at=events[0].occurred_at,
        ended_at=ended_at,
        events=len(events),
        entry_url=min(pages)[-1] if pages else None,
        status="open" if at < ended_at + SESSION_GAP_MS else "closed",
        source=min(sources)[-1] if sources else "",
    )


def _url(event: Event) -> str | None:
    properties, context = json.loads(event.properties), json.loads(event.context)
    own = properties.get("url") if event.type in {"page", "screen"} else None
    url = own or context.get("page", {}).get("url")
    return str(url) if url else None
