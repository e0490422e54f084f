"""What waits for a person at destinations and was never attempted, with the reason as far as it is known.

What was attempted has rows in `deliveries`, which say when it is tried again.
"""

from collections.abc import Collection, Iterable, Iterator

import msgspec

from api.pausing import destinations_in_force
from definitions.destinations import Destination
from definitions.mapping import fingerprint
from definitions.streaming.quiet_hours import quiet_until
from definitions.streaming.times import text_of
from onefold.fates.activations import unread_of
from runtime.clock import now_ms
from schemas.activation_reader import ActivationReader
from schemas.activations import Activation, delivery_key
from schemas.codec import Codec, DecodeError
from schemas.delivery_control import Pauses
from schemas.identity import profile_key
from schemas.registry import Registry
from settings import Settings
from sinks.delivery.unfinished import Queued, queued

REASONS = {
    "paused": "an operator has paused the destination",
    "unopened": "the destination cannot be opened",
    "unauthorised": "the destination does not accept its credentials",
    "no_destination": "the destination is not defined any more",
    "unread": "the deliverer has not read it yet",
    "in_order": "what comes before it has not ended",
    "quiet_hours": "quiet hours in the person's time zone",
    "cap": "the person was sent as much as a cap allows",
    "due": "its turn comes",
}


class PersonWaiting(msgspec.Struct, frozen=True):
    """What waits; times in ISO 8601. `reason`: one of REASONS; `due_at`: until when it waits for that, if known."""

    delivery_id: str
    destination: str
    kind: str
    name: str
    change: str
    activation_id: str
    profile_id: str
    happened_at: str
    reason: str
    due_at: str | None


def person_waiting(
    settings: Settings, workspace: str, profile_ids: Collection[str], pauses: Pauses, destination: str = ""
) -> list[PersonWaiting]:
    """Return what waits for profiles; `destination`: only there. Raises OnefoldError.

    What moves goes from the topics into the lines, so these are read last, and what was found in both is there.
    """
    codec, now = Codec(Registry(settings.registry)), now_ms()
    receiving = {
        each.kept_as: each
        for each in destinations_in_force(settings)
        if each.receiver is not None and destination in {"", each.name}
    }
    found: dict[tuple[str, str], PersonWaiting] = {}
    for of in receiving.values():
        for activation in unread_of(settings.kafka, codec, of, workspace):
            if activation.profile_id in profile_ids:
                why = reason_of(of, activation, None, pauses, now)
                found[of.name, activation.activation_id] = _shown(of.name, of, activation, why, None)
    keys = {profile_key(workspace, each) for each in profile_ids}
    for each, activation in _read(codec, queued(settings.kafka, keys)):
        defined = receiving.get(each.waiting.kept_as)
        if defined is None and destination not in {"", each.waiting.kept_as}:
            continue
        name = each.waiting.kept_as if defined is None else defined.name
        why = reason_of(defined, activation, each, pauses, now)
        until = each.due_at if why in {"quiet_hours", "cap"} else None
        found[name, activation.activation_id] = _shown(name, defined, activation, why, until)
    return list(found.values())


def reason_of(
    destination: Destination | None, activation: Activation, queued: Queued | None, pauses: Pauses, now: int
) -> str:
    """Return why something waits. Pure. `queued`: None of what the deliverer has not read."""
    if destination is None:
        return "no_destination"
    for reason, held in (("paused", pauses.of), ("unopened", pauses.unopened), ("unauthorised", pauses.suspended)):
        if destination.name in held:
            return reason
    if queued is None:
        return "unread"
    if queued.before:
        return "in_order"
    if queued.due_at is None or queued.due_at <= now:
        return "due"
    quiet = destination.checks.quiet_hours
    is_quiet = quiet is not None and quiet_until(now, activation.timezone or None, quiet) is not None
    return "quiet_hours" if is_quiet else "cap" if destination.checks.caps else "due"


def _read(codec: Codec, several: Iterable[Queued]) -> Iterator[tuple[Queued, Activation]]:
    reader = ActivationReader(codec)
    for each in several:
        try:
            yield each, reader.read(each.waiting.record)
        except DecodeError:
            continue


def _shown(
    name: str, destination: Destination | None, activation: Activation, reason: str, until: int | None
) -> PersonWaiting:
    mapping = "" if destination is None else fingerprint(destination.mapping)
    kept_as = name if destination is None else destination.kept_as
    return PersonWaiting(
        delivery_id=delivery_key(activation, kept_as, mapping),
        destination=name,
        kind=activation.kind,
        name=activation.name,
        change=activation.change,
        activation_id=activation.activation_id,
        profile_id=activation.profile_id or "",
        happened_at=text_of(activation.happened_at) or "",
        reason=reason,
        due_at=None if until is None else text_of(until),
    )
