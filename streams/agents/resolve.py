"""RESOLVE: sends every event to the profile of its primary identifier, and unseen pairs of identifiers to GRAPH.

The event's bytes go on as they came but for their stamp, and only its front is decoded, unless its primary identifier
is not the first, or it came straight to Kafka: then it is admitted first and, where its primary identifier has its
entry in another partition, sent back to `events`, once, to lie there. Routes, sent by PROFILE once the state of a
merged profile has arrived at the target, change where later events go.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from admission.admit import Admitted
from identity.entries import IdentifierEntry, decode_entry, encode_entry
from identity.resolve import apply_route, resolve
from identity.rules import IdentityRules
from schemas.codec import Codec, DecodeError
from schemas.identity import identifier_key, profile_key
from schemas.records import Event, EventHead, Identifier, IdentityRequest, Route
from schemas.topics import EVENTS, EVENTS_RESOLVED, IDENTITY_REQUESTS, IDENTITY_ROUTES
from settings import Workspace
from state.outputs import Output
from state.view import StateView
from streams import metrics
from streams.agents.admitting import EventAdmitter, count
from streams.agents.stamping import Stamper, stamped
from streams.dead_letters import DeadLetters
from streams.metrics import Tally
from streams.phases import Decoded, Effects, Record

MAX_AHEAD_MS = 24 * 3600 * 1000  # one event from the year 2100 would move the event clock past everything else


class _Decoded(NamedTuple):
    """`led`: the event, its primary identifier first, unstamped. `is_misplaced`: its entry is in another partition."""

    record: Record
    key: bytes
    event: EventHead | Event | None
    identifiers: tuple[Identifier, ...]
    route: Route | None
    led: bytes = b""
    admitted: Admitted | None = None
    is_misplaced: bool = False


class ResolveStage:
    """Finds whose event it is: routes each to a profile at once, and requests links that nobody has shown before."""

    name = "resolve"
    table = "identifiers"
    topics: tuple[str, ...] = (EVENTS, IDENTITY_ROUTES)
    sweeps = True  # an idle partition has to say as well which definitions it goes by
    holds_back = False
    deadline_of: Callable[[bytes], int | None] | None = None

    def __init__(
        self,
        workspaces: Mapping[str, Workspace],
        rules: IdentityRules,
        codec: Codec,
        partition_of: Callable[[bytes], int],
        known_version: Callable[[], int] = lambda: 0,
    ) -> None:
        """`partition_of`: in which partition of `events` a key lies. `known_version`: of the definitions, by now."""
        self._workspaces = workspaces
        self._rules = rules
        self._codec = codec
        self._partition_of = partition_of
        self._admitter = EventAdmitter(workspaces, rules, codec)
        self.dead_letter = DeadLetters(codec, self.name).of
        self._encode_request = codec.encoder(IdentityRequest)
        self._encode_event = codec.encoder(Event)
        self._stamper = Stamper(codec, known_version)

    def fold(self, decoded: Decoded[_Decoded], view: StateView) -> Effects:
        """Resolve a batch: one read of all entries, then record by record."""
        outputs: list[Output] = []
        tally: Tally = Tally()
        has_events = any(item.event is not None and not item.is_misplaced for item in decoded.items)
        version = self._stamper.adopt(decoded.received.partition, view, outputs, has_events)
        view.prefetch(item.key for item in decoded.items if not item.is_misplaced)
        for item in decoded.items:
            if item.route is not None:
                self._apply(item, item.route, view)
            elif item.is_misplaced:
                outputs.append(Output(EVENTS, item.key, item.led, item.record.headers))
            elif item.event is not None:
                self._resolve(item, item.event, version, view, outputs)
            if item.admitted is not None:
                count(tally, item.admitted)
        misplaced = sum(item.is_misplaced for item in decoded.items)
        tally[metrics.RESOLVED, ("dead",)] += len(decoded.refused)
        tally[metrics.RESOLVED, ("misplaced",)] += misplaced
        tally[metrics.RESOLVED, ("resolved",)] += sum(item.event is not None for item in decoded.items) - misplaced
        return Effects(outputs, view, tally)

    def decode(self, record: Record, now: int) -> _Decoded:
        """Read an event, the front of it only, or a route."""
        if record.topic == IDENTITY_ROUTES:
            route = self._codec.decode(Route, record.value)
            if route.workspace not in self._workspaces:
                raise DecodeError("unknown_workspace", "the route names a workspace that is not configured")
            key = identifier_key(route.workspace, Identifier(route.namespace, route.value))
            return _Decoded(record, key, None, (), route)
        event, encoded, admitted = self._admitter.admit(record)
        if event.received_at > now + MAX_AHEAD_MS:
            raise DecodeError("invalid", "received_at lies more than a day ahead of this worker's clock")
        identifiers = self._rules.usable(event.identifiers)
        if not identifiers:
            raise DecodeError("no_identifier", "none of the event's identifiers can name somebody")
        led = self._stamper.unstamped(self._led_by(identifiers[0], event, encoded))
        key = identifier_key(event.workspace, identifiers[0])
        is_misplaced = admitted is not None and self._partition_of(key) != record.partition
        return _Decoded(record, key, event, identifiers, None, led, admitted, is_misplaced)

    def _led_by(self, primary: Identifier, event: EventHead | Event, encoded: bytes | None) -> bytes | None:
        """Return the event with its primary identifier first, as it nearly always comes. Raises DecodeError.

        All who read it later take the first for the one by which it was routed, whatever the rules are by then.
        """
        if event.identifiers[0] == primary:
            return encoded
        whole = self._codec.decode(Event, encoded)
        others = (identifier for identifier in whole.identifiers if identifier != primary)
        return self._encode_event(msgspec.structs.replace(whole, identifiers=(primary, *others)))

    def _apply(self, item: _Decoded, route: Route, view: StateView) -> None:
        entry = _entry(view, item.key)
        changed = apply_route(entry, route)
        if changed != entry:
            view.put(item.key, encode_entry(changed))

    def _resolve(
        self, item: _Decoded, event: EventHead | Event, version: int, view: StateView, outputs: list[Output]
    ) -> None:
        workspace = self._workspaces[event.workspace]
        is_sign_in = event.type == "identify" and bool(self._rules.attributed(item.identifiers))
        entry, epoch = _entry(view, item.key), self._rules.epoch(event.occurred_at)
        resolved = resolve(
            entry, item.identifiers, event.source, workspace.namespace, request_all=is_sign_in, epoch=epoch
        )
        key = profile_key(event.workspace, resolved.profile_id)
        outputs.append(Output(EVENTS_RESOLVED, key, stamped(item.led, version), item.record.headers))
        if resolved.changed is not None:
            view.put(item.key, encode_entry(resolved.changed))
        if resolved.requested:
            request = IdentityRequest(
                workspace=event.workspace,
                message_id=event.message_id,
                source=event.source,
                occurred_at=event.occurred_at,
                identifiers=(item.identifiers[0], *resolved.requested),
                signed_in=is_sign_in,
            )
            outputs.append(Output(IDENTITY_REQUESTS, event.workspace.encode(), self._encode_request(request)))


def _entry(view: StateView, key: bytes) -> IdentifierEntry | None:
    stored = view.get(key)
    return None if stored is None else decode_entry(stored)
