"""ResolveStage on a store in memory: what is routed as it came, and what is not."""

from collections.abc import Callable, Sequence

import pytest

from identity.rules import DEFAULT_RULES
from schemas.codec import Codec
from schemas.identity import default_profile_id, profile_key
from schemas.records import Event, Identifier
from schemas.topics import EVENTS, EVENTS_DEAD, EVENTS_RESOLVED
from streams.agents.resolve import ResolveStage
from streams.phases import Received, Record, decode, fold
from streams.state.view import StateView
from tests.schemas.fixed import FixedSchemas
from tests.streams.world.world import NAMESPACE, NOW, WORKSPACE, Table, workspaces

ANN, PHONE = Identifier("user_id", "ann"), Identifier("anonymous_id", "phone")
NOBODY, ACME = Identifier("user_id", "undefined"), Identifier("group_id", "acme")


@pytest.mark.parametrize(
    ("sent", "routed"),
    [
        ((ANN, PHONE), (ANN, PHONE)),
        ((ANN, NOBODY), (ANN, NOBODY)),
        ((PHONE, ANN), (ANN, PHONE)),
        ((NOBODY, ACME, PHONE), (PHONE, NOBODY, ACME)),
    ],
    ids=["as it came", "with what names nobody behind", "the strongest comes first", "what names nobody does not lead"],
)
def test_the_identifier_that_an_event_is_routed_by_is_its_first(
    sent: Sequence[Identifier], routed: Sequence[Identifier]
) -> None:
    codec = Codec(FixedSchemas())
    stage = ResolveStage(workspaces(), DEFAULT_RULES, codec)
    event = Event(WORKSPACE, "web", "m1", "track", "View", NOW, None, NOW, tuple(sent), properties='{"a": [1, null]}')
    record = Record(EVENTS, 0, 0, b"k", codec.encoder(Event)(event))
    folded = fold(stage, decode(stage, Received([record], {EVENTS: 1}, NOW)), StateView(Table(stage))).effects

    output = next(output for output in folded.outputs if output.topic == EVENTS_RESOLVED)
    decoded = codec.decode(Event, output.value)
    assert (decoded.identifiers, decoded.properties) == (tuple(routed), event.properties)
    assert output.key == profile_key(WORKSPACE, default_profile_id(NAMESPACE, routed[0]))


@pytest.mark.parametrize(
    "broken", [lambda value: value[:-8], lambda value: value.replace(b"null", b"\xff\xff\xff\xff")]
)
def test_an_event_that_must_be_reordered_and_cannot_be_read_to_its_end_is_a_dead_letter(
    broken: Callable[[bytes], bytes],
) -> None:
    codec = Codec(FixedSchemas())
    stage = ResolveStage(workspaces(), DEFAULT_RULES, codec)
    event = Event(WORKSPACE, "web", "m1", "track", "View", NOW, None, NOW, (PHONE, ANN), properties='{"a": [1, null]}')
    record = Record(EVENTS, 0, 0, b"k", broken(codec.encoder(Event)(event)))
    folded = fold(stage, decode(stage, Received([record], {EVENTS: 1}, NOW)), StateView(Table(stage))).effects

    assert [output.topic for output in folded.outputs] == [EVENTS_DEAD]
