"""Records that nobody can process, on every topic that the worker reads: dead letters, and the partition goes on."""

import base64
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec
import pytest
from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AdminClient

from runtime.kafka.clients import MAX_RECORD_BYTES, PRODUCER_CONFIG
from schemas.codec import Codec
from schemas.identity import default_profile_id, profile_key
from schemas.records import Absorb, Event, Fold, IdentityRequest, Profile, ProfileCommand, Reason, Route, Transfer
from schemas.topics import (
    EVENTS,
    EVENTS_RESOLVED,
    IDENTITY_REQUESTS,
    IDENTITY_ROUTES,
    PROFILE_COMMANDS,
    PROFILES,
    changelog,
)
from streams.fold.entry import Forward, encode_entry
from tests.faults.crew import Crew
from tests.faults.figures import Figures
from tests.faults.scenario import assert_sound, phases, pieces
from tests.faults.topics import set_topic
from tests.oracle.poison import no_events
from tests.oracle.scene import Scene
from tests.oracle.stream import START, WEB, Delivery, device, user
from tests.support.kinds import one_is_enough

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

Poison = Sequence[tuple[Reason, bytes | None]]
MB = 1_000_000
TOO_LARGE = 600_000


def test_poison_on_every_topic_that_is_read(crew: Crew, scene: Scene, figures: Figures) -> None:
    ((end, sent), *_) = played = phases(scene, seed=50, number=1)
    poison = _poison(scene)
    worker_before = crew.worker().pid
    for (topic, values), piece in zip(poison.items(), pieces(sent, len(poison)), strict=True):
        scene.sender.send(piece)
        key = profile_key(scene.workspace.name, default_profile_id(scene.workspace.namespace, device("poison")))
        scene.sender.produce_raw([value for _, value in values], topic, key)
    scene.rest_at(end)
    figures.events = len(sent)
    figures.notes.append(f"{sum(map(len, poison.values()))} poisonous records on {len(poison)} topics")
    assert_sound(scene, played, dead=[pair for values in poison.values() for pair in values])
    letters = scene.ledger().dead_letters
    assert {letter.topic for letter in letters} == set(poison)
    assert crew.worker().pid == worker_before, "the worker went down over it"


def _poison(scene: Scene) -> Mapping[str, Poison]:
    codec, workspace = scene.sender.codec, scene.workspace.name
    someone = device("someone")
    event = Event(workspace, WEB, "poison", "track", "Seen", START, None, START, (someone,))
    profile = default_profile_id(scene.workspace.namespace, someone)
    resolved = codec.encoder(Event)(event)
    request = codec.encoder(IdentityRequest)(IdentityRequest(workspace, "m", WEB, START, (user("u"), someone)))
    route = codec.encoder(Route)(Route(workspace, "user_id", "u", profile, 1))
    forward = encode_entry(Forward(profile, 1), 0)
    commands = [
        ProfileCommand.of(workspace, "no profile id", Absorb(0, identifiers=(someone,), origin="")),
        ProfileCommand.of(workspace, profile, Transfer(0, target="nowhere", identifiers=(someone,))),
        ProfileCommand.of(workspace, profile, Absorb(0, identifiers=(someone,), state=b"p-nonsense", origin="")),
        ProfileCommand.of(workspace, profile, Absorb(0, identifiers=(someone,), state=b"p", origin="")),
        ProfileCommand.of(workspace, profile, Absorb(0, identifiers=(someone,), state=b"z" + bytes(20), origin="")),
        ProfileCommand.of(workspace, profile, Absorb(0, identifiers=(someone,), state=forward, origin="")),
    ]
    encode = codec.encoder(ProfileCommand)
    command = encode(ProfileCommand.of(workspace, profile, Fold(event=resolved)))
    no_event: Poison = [
        ("truncated", encode(ProfileCommand.of(workspace, profile, Fold(event=b"")))),
        ("unprocessable", encode(ProfileCommand(workspace, profile))),
    ]
    return {
        EVENTS: no_events(codec, workspace),
        EVENTS_RESOLVED: _bytes_that_are_no(resolved, codec, workspace),
        IDENTITY_REQUESTS: [
            *_bytes_that_are_no(request, codec, workspace),
            ("no_identifier", codec.encoder(IdentityRequest)(IdentityRequest(workspace, "m", WEB, START, ()))),
        ],
        IDENTITY_ROUTES: [
            *_bytes_that_are_no(route, codec, workspace),
            ("unknown_workspace", codec.encoder(Route)(Route("nowhere", "user_id", "u", profile, 1))),
        ],
        PROFILE_COMMANDS: [
            *_bytes_that_are_no(command, codec, workspace),
            *(("invalid", encode(wrong)) for wrong in commands),
            *no_event,
        ],
    }


def _bytes_that_are_no(value: bytes, codec: Codec, workspace: str) -> Poison:
    """What is wrong with any topic's record: not in the format, of no schema, cut, of another type, and large."""
    other = codec.encoder(Profile)(Profile(workspace, "f" * 36, START, 1, traits="{}"))
    return [
        ("bad_magic", b"\x07" + value[1:]),
        ("bad_magic", b"\x01" + os.urandom(2 * MB)),
        ("unknown_schema", b"\x00\x00\x0f\x42\x3f" + value[5:]),
        ("unknown_schema", b"\x00\xff\xff\xff\xff" + value[5:]),
        ("truncated", value[:4]),
        ("truncated", value[: len(value) // 3]),
        ("truncated", None),
        ("wrong_schema", other),
    ]


def test_the_broker_refuses_an_event_of_two_megabytes_where_it_is_sent(scene: Scene, crew: Crew) -> None:
    assert crew.worker().pid is not None
    refused: list[KafkaError | None] = []
    producer = Producer({**PRODUCER_CONFIG, "bootstrap.servers": scene.stack.addresses.kafka})
    producer.produce(EVENTS, os.urandom(2 * MB), b"k", on_delivery=lambda error, _: refused.append(error))
    assert producer.flush(30) == 0
    assert [error.code() for error in refused if error is not None] == [KafkaError.MSG_SIZE_TOO_LARGE]


@pytest.mark.parametrize("topic", one_is_enough([PROFILES, EVENTS_RESOLVED, changelog("profiles")]))
def test_what_would_become_too_large_for_a_topic_is_dead_lettered_alone(
    topic: str, crew: Crew, scene: Scene, figures: Figures
) -> None:
    """The broker takes less than the client: only it can say so, and only after the record was sent."""
    ((end, sent), *_) = played = phases(scene, seed=51, number=1)
    large = _large_events(scene, 3)
    worker_before = crew.worker().pid
    with _taking_at_most(scene, topic, TOO_LARGE):
        for delivery, piece in zip(large, pieces(sent, len(large)), strict=True):
            scene.sender.send([*piece[: len(piece) // 2], delivery, *piece[len(piece) // 2 :]])
        scene.rest_at(end)
    figures.events = len(sent) + len(large)
    letters = scene.ledger().dead_letters
    figures.notes.append(
        "; ".join([f"{len(letters)} dead letters", *(f"{each.reason}: {each.detail}" for each in letters)])
    )
    assert {letter.stage for letter in letters} == {"resolve" if topic == EVENTS_RESOLVED else "profile"}
    assert crew.worker().pid == worker_before, "the worker went down over it"
    encode = scene.sender.codec.encoder(Event)
    dead_ids = {delivery.event.message_id for delivery in large} if topic != EVENTS_RESOLVED else set()
    assert_sound(scene, played, dead=[("too_large", encode(delivery.event)) for delivery in large], dead_ids=dead_ids)


@contextmanager
def _taking_at_most(scene: Scene, topic: str, size: int) -> Iterator[None]:
    """The topic takes no larger batches for a while."""
    admin = AdminClient({"bootstrap.servers": scene.stack.addresses.kafka})

    set_topic(admin, topic, {"max.message.bytes": str(size)})
    try:
        yield
    finally:
        set_topic(admin, topic, {"max.message.bytes": str(MAX_RECORD_BYTES)})


def _large_events(scene: Scene, number: int) -> list[Delivery]:
    """Events of 900 KB, whose traits make a state that is larger than what is taken, also compressed."""
    deliveries = []
    for index in range(number):
        who = (user(f"large-{index}"),)
        traits = {f"trait-{index}-{name}": base64.b64encode(os.urandom(5_250)).decode() for name in range(128)}
        event = Event(
            scene.workspace.name, WEB, f"large-{index}", "identify", None, START, None, START, who,
            traits=msgspec.json.encode(traits).decode(), ordinal=1,
        )  # fmt: skip
        deliveries.append(Delivery(event, "kafka"))
    return deliveries
