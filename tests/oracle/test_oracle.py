"""The real stack against the reference: what must be true at rest (design section 10), in peace and under fire."""

import json
from collections.abc import Iterator, Sequence
from random import Random

import pytest

from embedded.stack import Stack
from schemas.records import Identifier, IdentityRequest, Pair, RequestKind
from tests.oracle import identities
from tests.oracle.conftest import CALM, HURRIED, KILLED, UNMERGED
from tests.oracle.delivery import Sender, write_key
from tests.oracle.ledger import (
    assert_counted,
    assert_every_pair_was_requested,
    assert_everything_is_accounted_for,
    assert_evidence_explains_persons,
)
from tests.oracle.poison import bad_requests, no_events
from tests.oracle.scene import Scene
from tests.oracle.stream import LARGE_NUMBER, PHASE_ENDS, START, VISITORS, Delivery, deliveries

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

PEOPLE = 50


def test_at_rest_everything_is_as_the_reference_says(oracle_stack: Stack, sender: Sender, is_long: bool) -> None:
    scene = Scene(oracle_stack, sender, CALM)
    stream = deliveries(1, CALM, VISITORS if is_long else VISITORS // 2)
    dead = no_events(sender.codec, CALM)
    for phase, end in enumerate(PHASE_ENDS):
        sent = [delivery for delivery in stream if delivery.phase == phase]
        sender.send(sent[: len(sent) // 2])
        sender.produce_raw(value for _, value in dead[phase :: len(PHASE_ENDS)])
        sender.send(sent[len(sent) // 2 :])
        scene.rest_at(end)
        scene.assert_as_reference(end)
    scene.assert_accepted(stream)
    scene.assert_in_order(stream)
    scene.assert_nothing_is_missing()
    ledger = scene.ledger()
    assert_everything_is_accounted_for(ledger, dead)
    assert_counted(ledger)
    assert_every_pair_was_requested(ledger)
    assert_evidence_explains_persons(ledger)


def test_what_the_collector_refuses_is_kept_with_its_reason(oracle_stack: Stack, sender: Sender) -> None:
    scene = Scene(oracle_stack, sender, CALM)
    for request in bad_requests():
        key = write_key(CALM) if request.known_key else "nobody-has-this-key"
        response = sender.post(request.path, request.body, key)
        assert response.status_code == request.status, response.text
    scene.drain()
    expected = [rejected for request in bad_requests() for rejected in request.rejected]
    assert sorted(scene.warehouse.rejected(), key=str) == sorted(expected, key=str)
    assert not {message_id for message_id, _ in expected} & scene.warehouse.message_ids()


def test_of_calls_without_a_time_the_later_one_of_a_batch_counts(oracle_stack: Stack, sender: Sender) -> None:
    scene = Scene(oracle_stack, sender, HURRIED)
    for person in range(PEOPLE):
        calls = [{"type": "identify", "userId": person + LARGE_NUMBER, "traits": {"step": step}} for step in range(5)]
        answer = sender.post("/v1/batch", json.dumps({"batch": calls}).encode(), write_key(HURRIED))
        assert answer.json()["accepted"] == len(calls)
    scene.drain()
    people = scene.warehouse.people(forwards={})
    assert [person.traits for person in people.values()] == [{"step": 4}] * PEOPLE


@pytest.mark.slow
def test_a_worker_killed_again_and_again_ends_in_the_same(oracle_stack: Stack, sender: Sender, is_long: bool) -> None:
    scene = Scene(oracle_stack, sender, KILLED)
    worker = oracle_stack.process("worker")
    stream = deliveries(2, KILLED, VISITORS if is_long else VISITORS // 2)
    dead_before = [(letter.reason, letter.value) for letter in scene.ledger().dead_letters]
    ends = PHASE_ENDS if is_long else PHASE_ENDS[:2]
    for phase, end in enumerate(ends):
        for sent in _slices([delivery for delivery in stream if delivery.phase == phase], is_long):
            sender.send(sent)
            worker.kill()
            worker.restart()
        scene.rest_at(end)
    scene.assert_as_reference(ends[-1])
    scene.assert_accepted([delivery for delivery in stream if delivery.phase < len(ends)])
    ledger = scene.ledger()
    assert_everything_is_accounted_for(ledger, dead_before)
    assert_every_pair_was_requested(ledger)
    assert_evidence_explains_persons(ledger)


@pytest.mark.slow
def test_people_who_are_parted_under_fire_are_what_their_events_say(
    oracle_stack: Stack, sender: Sender, is_long: bool
) -> None:
    scene = Scene(oracle_stack, sender, UNMERGED)
    stream = deliveries(3, UNMERGED, VISITORS if is_long else VISITORS // 2)
    random = Random(3)
    dead_before = [(letter.reason, letter.value) for letter in scene.ledger().dead_letters]
    for phase, end in enumerate(PHASE_ENDS if is_long else PHASE_ENDS[:2]):
        for sent in _slices([delivery for delivery in stream if delivery.phase == phase], is_long):
            sender.send(sent[: len(sent) // 2])
            for order in _orders(scene, random):
                scene.request(order)
            sender.send(sent[len(sent) // 2 :])
            for name in ("worker", random.choice(("worker", "rebuilder"))):
                oracle_stack.process(name).kill()
                oracle_stack.process(name).restart()
        scene.rest_at(end)
        scene.assert_as_reference(end)
    scene.assert_nothing_is_missing()
    ledger = scene.ledger()
    assert {"unmerge", "retract", "merge", "allow", "unshare"} <= {request.kind for request in ledger.requests}
    assert {"shared", "unmerged", "retracted", "forbidden"} <= {link.reason for link in ledger.link_log}
    assert_everything_is_accounted_for(ledger, dead_before)
    assert_every_pair_was_requested(ledger)
    assert_evidence_explains_persons(ledger)


def _orders(scene: Scene, random: Random) -> Iterator[IdentityRequest]:
    """Part a few of the people there are now, each in another way."""
    ledger = scene.ledger()
    known = identities.WhoIsWho()
    for request in ledger.requests:
        known.decide(request)
    # Before the unmerges, which may take back the same links; more than one, as a device may turn out to be shared
    # meanwhile.
    links = random.sample(sorted(ledger.links, key=str), min(3, len(ledger.links)))
    if links:
        pairs = tuple(Pair(link.left, link.right, link.source) for link in links)
        yield IdentityRequest(
            UNMERGED, "", "operator", START, (), "retract", f"retract-{len(ledger.requests)}", pairs=pairs
        )
    people = sorted((sorted(person, key=identities.strength) for person in known.persons() if len(person) > 1), key=str)
    for number, person in enumerate(random.sample(people, min(4, len(people)))):
        anchor, *split = random.sample(person, min(len(person), 1 + random.choice((1, 1, 2))))
        name = f"order-{len(ledger.requests)}-{number}"
        yield IdentityRequest(
            UNMERGED, "", "operator", START, (anchor, *split), "unmerge", name, "a test", forbid=number == 0
        )
    yield from _by_hand(known, random, len(ledger.requests))


def _by_hand(known: identities.WhoIsWho, random: Random, number: int) -> Iterator[IdentityRequest]:
    """Merge two persons, allow two whom a request has forbidden, and unshare a device."""
    people = sorted((sorted(person, key=identities.strength) for person in known.persons()), key=str)
    pairs: dict[RequestKind, Sequence[Identifier]] = {
        "merge": [random.choice(person) for person in random.sample(people, 2)]
    }
    if known.forbidden:
        pairs["allow"] = sorted(random.choice(sorted(known.forbidden, key=sorted)))
    for kind, (left, right) in pairs.items():
        yield IdentityRequest(UNMERGED, "", "operator", START, (), kind, f"{kind}-{number}", pairs=(Pair(left, right),))
    if known.shared:
        device = random.choice(sorted(known.shared))
        yield IdentityRequest(UNMERGED, "", "operator", START, (device,), "unshare", f"unshare-{number}")


def _slices(sent: Sequence[Delivery], is_long: bool) -> Iterator[Sequence[Delivery]]:
    """What is sent between two kills: all of a phase, in the short form."""
    size = 600 if is_long else len(sent)
    for start in range(0, len(sent), size):
        yield sent[start : start + size]
