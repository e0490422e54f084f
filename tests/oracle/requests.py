"""Requests that unmerge people, chosen from who is one person at the moment, and late events of whom they name."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from random import Random

import msgspec

from schemas.records import Identifier, IdentityRequest, Pair, RequestKind
from tests.oracle.identities import WhoIsWho, decided, strength
from tests.oracle.scene import Scene
from tests.oracle.stream import LATEST_MS, MINUTE_MS, START, Delivery

STRAGGLERS = 6


class Operator:
    """Sends requests on a scene. Who is one person is read from the requests so far, so one may be late.

    `spared`: identifiers that no request names. `knows`: only so many of the last requests are read, as the reference
    takes a time that grows with their square.
    """

    def __init__(self, scene: Scene, seed: int, spared: Collection[Identifier] = (), knows: int | None = None) -> None:
        self.requests: list[IdentityRequest] = []
        self.stragglers: list[Delivery] = []
        self._scene = scene
        self._rng = Random(seed)
        self._spared = frozenset(spared)
        self._knows = knows

    def unmerge(self, number: int, sent: Sequence[Delivery]) -> None:
        """Send so many requests, and after each late and repeated events of whom it names; `sent`: what came before."""
        for _ in range(number):
            model = self._model()
            request = self._any_request(model)
            while request is not None and not self._spared.isdisjoint(_named(request)):
                request = self._any_request(model)
            if request is not None:
                self.send(request)
                self.send_stragglers(request, sent)

    def send(self, request: IdentityRequest) -> None:
        """Send a request."""
        self.requests.append(request)
        self._scene.request(request)

    def send_stragglers(self, request: IdentityRequest, sent: Sequence[Delivery]) -> None:
        """Send what arrives after a request of those whom it names: events once more, and others of before it."""
        if not sent:
            return
        named = _named(request)
        now = sent[-1].event.received_at
        known = [
            one for one in sent if named.intersection(one.event.identifiers) and one.event.occurred_at > now - LATEST_MS
        ]
        chosen = self._rng.sample(known, min(len(known), STRAGGLERS))
        late = [self._straggler(delivery, now) for delivery in chosen]
        self._scene.sender.send(late)
        self.stragglers += late

    def _model(self) -> WhoIsWho:
        ledger = self._scene.ledger()
        return ledger.identities if self._knows is None else decided(ledger.requests[-self._knows :])

    def _straggler(self, delivery: Delivery, now: int) -> Delivery:
        event = msgspec.structs.replace(delivery.event, received_at=now)
        if self._rng.random() < 0.5:
            event = msgspec.structs.replace(
                event,
                message_id=f"straggler-{len(self.requests)}-{event.message_id}",
                occurred_at=event.occurred_at - self._rng.choice((0, 1, MINUTE_MS, 40 * MINUTE_MS)),
            )
        return replace(delivery, event=event)

    def _any_request(self, model: WhoIsWho) -> IdentityRequest | None:
        rng = self._rng
        if rng.random() < 0.25:
            return self._by_hand(model)
        persons = sorted(sorted(person, key=strength) for person in model.persons() if len(person) > 1)
        if not persons:
            return None
        # The largest: some come together again and are unmerged once more.
        person = rng.choice(sorted(persons, key=len)[-20:])
        forbid = rng.random() < 0.3
        if rng.random() < 0.3:
            known = [
                (min(pair, key=strength), max(pair, key=strength), source)
                for pair, sources in model.evidence.items()
                for source in sources
                if pair & set(person)
            ]
            left, right, source = rng.choice(sorted(known))
            return self._request("retract", (), forbid, (Pair(left, right, rng.choice(("", source))),))
        return self._request("unmerge", tuple(rng.sample(person, min(len(person), rng.choice((2, 2, 3))))), forbid)

    def _by_hand(self, model: WhoIsWho) -> IdentityRequest | None:
        """Unshare a device, allow what is forbidden, or merge two persons, as far as there are such."""
        rng = self._rng
        devices = sorted(model.shared, key=strength)
        if devices and rng.random() < 0.3:
            return self._request("unshare", (rng.choice(devices),), False)
        forbidden = sorted(sorted(pair, key=strength) for pair in model.forbidden)
        if forbidden and rng.random() < 0.5:
            left, right = rng.choice(forbidden)
            return self._request("allow", (), False, (Pair(left, right),))
        persons = sorted(sorted(person, key=strength) for person in model.persons())
        if len(persons) < 2:
            return None
        left, right = (rng.choice(person) for person in rng.sample(persons, 2))
        return self._request("merge", (), False, (Pair(left, right),))

    def _request(
        self, kind: RequestKind, identifiers: tuple[Identifier, ...], forbid: bool, pairs: tuple[Pair, ...] = ()
    ) -> IdentityRequest:
        return IdentityRequest(
            self._scene.workspace.name, "", "", START, identifiers, kind,
            f"request-{len(self.requests)}", "a test", forbid, pairs,
        )  # fmt: skip


def _named(request: IdentityRequest) -> set[Identifier]:
    return {*request.identifiers, *(end for pair in request.pairs for end in (pair.left, pair.right))}
