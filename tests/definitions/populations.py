"""Profiles with random histories in a warehouse, and what SQL says of them otherwise than the naive evaluation."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import cast

from definitions.model import Definitions
from schemas import topics
from schemas.consent import NO_CONSENT, Status
from schemas.records import ConsentChange, ConsentEntry, Event, Identifier
from tests.definitions.generated import PRIORITIES, Generator
from tests.definitions.naive.answers import members, shown_traits
from tests.definitions.naive.consent import statements
from tests.definitions.naive.lives import Happened, Life, past
from tests.definitions.naive.values import kind
from tests.sinks.examples import insert, placed, resolved
from warehouse.client import Warehouse
from warehouse.queries.definitions import Evaluated, EvaluationQuery, evaluate

Histories = Mapping[str, Sequence[Happened]]


def person(number: int) -> str:
    """A profile id."""
    return f"00000000-0000-5000-8000-{number:012x}"


def population(people: int) -> Histories:
    """The histories of so many profiles, the same at every call."""
    generator = Generator(Random(people))
    return {person(number): generator.history() for number in range(people)}


def moments(seed: int, histories: Histories, count: int) -> list[int]:
    """Times at, between and after events at which what they do may begin or end."""
    return Generator(Random(seed)).moments([event for events in histories.values() for event in events], count)


def recorded(workspace: str, profile_id: str, happened: Happened) -> Event:
    """The event as it was accepted."""
    return Event(
        workspace=workspace,
        source=happened.source,
        message_id=happened.message_id,
        type=happened.type,  # type: ignore[arg-type]
        event=happened.name,
        occurred_at=happened.at,
        sent_at=None,
        received_at=happened.at,
        identifiers=(Identifier("user_id", profile_id), *(Identifier("anonymous_id", each) for each in happened.also)),
        properties=json.dumps(happened.properties, ensure_ascii=False),
        traits=json.dumps(happened.traits, ensure_ascii=False),
        context=json.dumps(happened.context, ensure_ascii=False),
        ordinal=happened.ordinal,
    )


def record(warehouse: Warehouse, workspace: str, histories: Histories) -> None:
    """Write all events as the sink does."""
    pairs = [(profile_id, event) for profile_id, events in histories.items() for event in events]
    placed = (
        resolved(recorded(workspace, profile_id, event), offset, profile_id)
        for offset, (profile_id, event) in enumerate(pairs)
    )
    insert(warehouse, list(placed))


def record_statements(warehouse: Warehouse, workspace: str, histories: Histories, now: int, version: int) -> None:
    """Write what everybody has said by then, as the sink does, in place of what was written by lower versions."""
    written = []
    for profile_id, events in histories.items():
        counting = statements(Life(events, profile_id=profile_id, priorities=PRIORITIES), now)
        entries = tuple(
            ConsentEntry(purpose, channel, cast("Status", status), since, "m", "web")
            for purpose in ("news", "orders", "all")
            for channel in ("email", "sms", "all")
            for status, since in [counting.get((purpose, channel), ("unknown", now))]
        )
        written.append(
            ConsentChange(workspace, profile_id, "person", profile_id, 0, version, now, NO_CONSENT, changed=entries)
        )
    insert(warehouse, [placed(topics.CONSENTS, each, offset) for offset, each in enumerate(written)])


def differences(evaluations: Iterable[Evaluated], wanted: EvaluationQuery, histories: Histories) -> list[str]:
    """What an evaluation of everybody says otherwise than the naive one."""
    found = {evaluated.profile_id: evaluated for evaluated in evaluations}
    said = []
    for profile_id, events in histories.items():
        life = Life(events, wanted.definitions, profile_id, PRIORITIES)
        evaluated = found.pop(profile_id, None)
        if evaluated is None:
            said += [f"{profile_id} is missing"] if past(life, wanted.now) else []
        else:
            said += _differences(evaluated, life, wanted)
    return said + [f"nobody is {profile_id}" for profile_id in found]


def _differences(evaluated: Evaluated, life: Life, wanted: EvaluationQuery) -> Iterator[str]:
    now, definitions = wanted.now, wanted.definitions
    memberships = members(life, now)
    for segment in definitions.segments:
        is_member = segment.name in memberships
        if (segment.name in evaluated.segments) is not is_member:
            yield f"member: {is_member}, {segment}, {now}, {past(life, now)}"
    shown = shown_traits(life, now)
    for trait in definitions.traits:
        expected, actual = shown.get(trait.name), evaluated.traits.get(trait.name)
        if _plain(expected) != _plain(actual):
            yield f"value: {expected!r}, not {actual!r}, {trait}, {now}, {past(life, now)}"


def _plain(value: object) -> object:
    """A value that is equal to those that are equal in JSON: 1 to 1.0, but not to true."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return ("number", float(value)) if kind(value) == "number" else (kind(value), value)  # type: ignore[arg-type]


def check(warehouse: Warehouse, workspace: str, definitions: Definitions, histories: Histories, now: int) -> None:
    """SQL says of everybody what the naive evaluation says."""
    wanted = EvaluationQuery(definitions, workspace, "person", now, PRIORITIES)
    assert differences(evaluate(warehouse, wanted), wanted, histories) == []
