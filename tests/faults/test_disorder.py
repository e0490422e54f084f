"""Duplicates and disorder on every topic between the stages, and clocks that are wrong by a day or by decades."""

import json
import random
from datetime import UTC, datetime

import msgspec
import pytest

from runtime.clock import now_ms
from runtime.kafka.offsets import Partition
from schemas.records import Event
from schemas.topics import EVENTS, EVENTS_RESOLVED, IDENTITY_REQUESTS, IDENTITY_ROUTES, PROFILE_COMMANDS
from tests.faults.crew import Crew
from tests.faults.figures import Figures
from tests.faults.scenario import phases, pieces
from tests.oracle import topic
from tests.oracle.delivery import write_key
from tests.oracle.ledger import assert_everything_is_accounted_for, assert_evidence_explains_persons
from tests.oracle.scene import Scene
from tests.oracle.segments import HOUR_MS
from tests.oracle.stream import MINUTE_MS, WEB, device, user

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

HOPS = (EVENTS, EVENTS_RESOLVED, IDENTITY_REQUESTS, PROFILE_COMMANDS, IDENTITY_ROUTES)
DAY_MS = 24 * HOUR_MS
IN_2100 = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1000


def test_duplicates_and_disorder_at_every_hop_change_nothing(
    crew: Crew, scene: Scene, figures: Figures, is_long: bool
) -> None:
    rng = random.Random(80)
    begin = topic.ends(scene.stack.addresses.kafka, HOPS)
    played = phases(scene, seed=80, number=2 if is_long else 1, visitors=60 if is_long else 20)
    repeated = 0
    for end, sent in played:
        shuffled = list(sent)
        rng.shuffle(shuffled)
        for piece in pieces(shuffled, 3):
            scene.sender.send(piece)
            scene.drain()
            for hop in HOPS:
                repeated += _repeat(scene, hop, begin, rng)
        scene.rest_at(end)
        figures.events += len(sent)
    figures.notes.append(f"{repeated} records written again in another order")
    assert crew.worker().pid is not None
    scene.assert_as_reference(played[-1][0])
    scene.assert_accepted([delivery for _, sent in played for delivery in sent], may_repeat=True)
    ledger = scene.ledger()
    assert not ledger.dead_letters
    assert_evidence_explains_persons(ledger)


def _repeat(scene: Scene, hop: str, begin: dict[Partition, int], rng: random.Random) -> int:
    """Write about half of what a topic holds of the workspace once more, in another order; how many records."""
    mine = (scene.workspace.name.encode(), scene.workspace.name.encode() + b"|")
    raws = [
        raw
        for raw in topic.read_raw(scene.stack.addresses.kafka, hop, begin)
        if raw.key is not None and (raw.key == mine[0] or raw.key.startswith(mine[1])) and rng.random() < 0.5
    ]
    rng.shuffle(raws)
    for raw in raws:
        assert raw.key is not None
        scene.sender.produce(hop, raw.key, raw.value)
    scene.sender.flush()
    return len(raws)


def test_clocks_wrong_by_a_day_or_by_decades(crew: Crew, scene: Scene, figures: Figures) -> None:
    ((end, sent), *_) = phases(scene, seed=81, number=1)
    scene.sender.send(sent)
    scene.rest_at(end)
    now = now_ms()
    calls = [
        _call("ahead", now + DAY_MS, now + DAY_MS),
        _call("behind", now - DAY_MS, now - DAY_MS),
        _call("ahead-by-decades", IN_2100, IN_2100),
        _call("no-clock", IN_2100, None),
        _call("from-1970", 0, None),
    ]
    body = json.dumps({"batch": calls}).encode()
    assert scene.sender.post("/v1/batch", body, write_key(scene.workspace.name)).json()["accepted"] == len(calls)
    encode = scene.sender.codec.encoder(Event)
    event = Event(
        scene.workspace.name, WEB, "by-kafka", "track", "Seen", IN_2100, None, now, (user("wrong"), device("wrong"))
    )
    from_2100 = encode(msgspec.structs.replace(event, message_id="from-2100", received_at=IN_2100))
    scene.sender.produce_raw([encode(event), from_2100])
    end = now + 3 * DAY_MS
    scene.rest_at(end)

    ledger = scene.ledger()
    occurred = {event.message_id: event.occurred_at for event in ledger.events}
    for message_id in ("ahead", "behind", "ahead-by-decades", "no-clock", "by-kafka"):
        assert abs(occurred[message_id] - now) < MINUTE_MS, message_id
    assert occurred["from-1970"] == 0
    scene.assert_as_reference(end)
    assert_everything_is_accounted_for(ledger, [("invalid", from_2100)])
    figures.events = len(sent) + len(calls) + 2
    assert crew.worker().pid is not None


def _call(message_id: str, occurred_at: int, sent_at: int | None) -> dict[str, object]:
    call: dict[str, object] = {
        "type": "track",
        "event": "Seen",
        "messageId": message_id,
        "anonymousId": "wrong",
        "timestamp": _iso(occurred_at),
    }
    return call if sent_at is None else call | {"sentAt": _iso(sent_at)}


def _iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
