"""SQL answers as the naive evaluation does: every form of definition, for every profile, at any time."""

import json
from collections.abc import Iterator, Mapping, Sequence
from random import Random

import pytest

from definitions.model import Definitions
from schemas.records import Event, Identifier
from tests.definitions.generated import PRIORITIES, Generator
from tests.definitions.naive import Happened, Life, kind, members, past, shown_traits
from tests.sinks.examples import insert, resolved
from warehouse.client import Warehouse
from warehouse.queries.definitions import Evaluated, Question, evaluate

Histories = Mapping[str, Sequence[Happened]]


def person(number: int) -> str:
    """A profile id."""
    return f"00000000-0000-5000-8000-{number:012x}"


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
        identifiers=(Identifier("user_id", profile_id),),
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


def differences(warehouse: Warehouse, question: Question, histories: Histories) -> list[str]:
    """What SQL says otherwise than the naive evaluation."""
    found = {evaluated.profile_id: evaluated for evaluated in evaluate(warehouse, question)}
    told = []
    for profile_id, events in histories.items():
        life = Life(events, question.definitions, profile_id, PRIORITIES)
        evaluated = found.pop(profile_id, None)
        if evaluated is None:
            told += [f"{profile_id} is missing"] if past(life, question.now) else []
        else:
            told += _differences(evaluated, life, question)
    return told + [f"nobody is {profile_id}" for profile_id in found]


def _differences(evaluated: Evaluated, life: Life, question: Question) -> Iterator[str]:
    now, definitions = question.now, question.definitions
    for segment in definitions.segments:
        is_member = segment.name in members(life, now)
        if (segment.name in evaluated.segments) is not is_member:
            yield f"member: {is_member}, {segment}, {now}, {past(life, now)}"
    shown = shown_traits(life, now)
    for trait in definitions.traits:
        expected, actual = shown.get(trait.name), evaluated.traits.get(trait.name)
        if _plain(expected) != _plain(actual):
            yield f"value: {expected!r}, by SQL {actual!r}, {trait}, {now}, {past(life, now)}"


def _plain(value: object) -> object:
    """A value that is equal to those that are equal in JSON: 1 to 1.0, but not to true."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return ("number", float(value)) if kind(value) == "number" else (kind(value), value)  # type: ignore[arg-type]


def check(warehouse: Warehouse, workspace: str, definitions: Definitions, histories: Histories, now: int) -> None:
    question = Question(definitions, workspace, "person", now, PRIORITIES)
    assert differences(warehouse, question, histories) == []


@pytest.mark.parametrize("seed", range(4))
def test_sql_agrees_with_the_naive_evaluation(warehouse: Warehouse, workspace: str, seed: int) -> None:
    generator = Generator(Random(seed))
    definitions = generator.definitions(12)
    histories = {person(number): generator.history() for number in range(100)}
    record(warehouse, workspace, histories)
    for now in generator.moments([event for events in histories.values() for event in events], 3):
        check(warehouse, workspace, definitions, histories, now)
