"""The stamp of an event: whoever sent it, in whatever schema, RESOLVE has the word, and changes nothing else."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.sets.publication import Stamping, published_by
from identity.rules import DEFAULT_RULES
from schemas.codec import Codec, DecodeError, schema_text
from schemas.records import Event, Identifier
from schemas.topics import DEFINITIONS, EVENTS, EVENTS_RESOLVED
from state.view import StateView
from streams.agents.resolve import ResolveStage
from streams.agents.stamping import Stamper, stamped
from streams.phases import Received, Record, decode, fold
from tests.schemas.fixed import FixedSchemas, records
from tests.streams.world.world import NOW, WORKSPACE, Table, workspaces

FOREIGN = 99
EMAIL = Identifier("email", "ann@example.org")


def without_the_stamp() -> str:
    """The schema of a producer that has been there since before events had a stamp."""
    schema: dict[str, Any] = json.loads(schema_text(Event))
    schema["fields"] = [field for field in schema["fields"] if field["name"] != "definitions"]
    return json.dumps(schema)


CODEC = Codec(FixedSchemas({FOREIGN: without_the_stamp()}))
ENCODE = CODEC.encoder(Event)
STAMPER = Stamper(CODEC, lambda: 0)


@given(records(Event), st.sampled_from([0, 1, 63, 64, 8_191, 8_192, 2**31]))
def test_a_stamp_is_all_that_changes(event: Event, version: int) -> None:
    changed = stamped(STAMPER.unstamped(ENCODE(event)), version)
    before = CODEC.decode(Event, ENCODE(event))
    assert CODEC.decode(Event, changed) == msgspec.structs.replace(before, definitions=version)


def test_an_event_without_a_stamp_is_not_decoded() -> None:
    value = ENCODE(sent())
    assert STAMPER.unstamped(value) is value


def test_a_stamp_of_many_bytes_that_ends_in_a_zero_is_none() -> None:
    value = ENCODE(sent())[:-1] + b"\x80\x00"
    assert CODEC.decode(Event, stamped(STAMPER.unstamped(value), 7)).definitions == 7


def test_an_event_that_cannot_be_read_to_its_end_has_no_place_for_a_stamp() -> None:
    with pytest.raises(DecodeError):
        STAMPER.unstamped(ENCODE(sent())[:-9])


@pytest.mark.parametrize("ordinal", [0, 1], ids=["straight to Kafka", "as if admitted"])
@pytest.mark.parametrize("is_foreign", [False, True], ids=["own schema", "another schema"])
def test_resolve_stamps_whatever_a_sender_says(ordinal: int, is_foreign: bool) -> None:
    value = ENCODE(sent(ordinal=ordinal, definitions=0 if is_foreign else 12))
    if is_foreign:
        value = value[:1] + FOREIGN.to_bytes(4, "big") + value[5:-1]
    stage = ResolveStage(workspaces(), DEFAULT_RULES, CODEC, lambda _: 0, lambda: 300)
    received = Received([Record(EVENTS, 0, 0, b"k", value)], {EVENTS: 1}, NOW)

    outputs = fold(stage, decode(stage, received), StateView(Table(stage))).effects.outputs

    (output,) = (each for each in outputs if each.topic == EVENTS_RESOLVED)
    event = CODEC.decode(Event, output.value)
    assert (event.definitions, event.properties, event.identifiers) == (300, '{"a":1}', (EMAIL,))


class Resolve:
    """One partition of RESOLVE, whose worker knows the definitions `known`."""

    def __init__(self, partition: int = 3) -> None:
        self.known = 0
        self._stage = ResolveStage(workspaces(), DEFAULT_RULES, CODEC, lambda _: 0, lambda: self.known)
        self._partition = partition
        self._table = Table(self._stage)

    def batch(self, events: int = 0) -> tuple[list[int], list[Stamping]]:
        """The stamps of a batch, and what it says on `definitions`."""
        records = [Record(EVENTS, 0, number, b"k", ENCODE(sent())) for number in range(events)]
        received = Received(records, {}, NOW, partition=self._partition)
        effects = fold(self._stage, decode(self._stage, received), StateView(self._table)).effects
        for key, value in effects.view.changes.items():
            self._table.put(key, value)
        publication = published_by((each.key, each.value) for each in effects.outputs if each.topic == DEFINITIONS)
        assert publication.stampings.keys() <= {self._partition}
        stamps = [
            CODEC.decode(Event, each.value).definitions for each in effects.outputs if each.topic == EVENTS_RESOLVED
        ]
        return stamps, list(publication.stampings.values())


def test_a_partition_says_once_which_definitions_it_goes_by() -> None:
    resolve = Resolve()
    assert resolve.batch(2) == ([0, 0], [])
    resolve.known = 1
    assert resolve.batch(2) == ([1, 1], [Stamping(1, 0)])
    assert resolve.batch(1) == ([1], [])


def test_an_idle_partition_says_so_as_well_and_that_it_never_knew_others() -> None:
    resolve = Resolve()
    assert resolve.batch() == ([], [])
    resolve.known = 4
    assert resolve.batch() == ([], [Stamping(4, 4)])
    resolve.known = 5
    assert resolve.batch(1) == ([5], [Stamping(5, 4)])


def test_a_worker_that_has_heard_of_less_goes_on_with_what_was_adopted() -> None:
    resolve = Resolve()
    resolve.known = 5
    resolve.batch(1)
    resolve.known = 3
    assert resolve.batch(1) == ([5], [])


def sent(**fields: Any) -> Event:
    event = Event(
        WORKSPACE, "web", "m1", "track", "View", NOW, None, NOW, (EMAIL,), properties='{"a":1}', ordinal=1
    )  # fmt: skip
    return msgspec.structs.replace(event, **fields)
