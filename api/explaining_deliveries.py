"""Why something was delivered or was not: from the event that caused it to the receiver's answer."""

import msgspec

from api.requests import UnknownDefinition
from schemas.records.deliveries import SYNCED, UNFINISHED
from settings import Settings
from warehouse.client import look_ups
from warehouse.queries.delivered import CausingEvent, PublishedActivation, find_activation, find_cause
from warehouse.queries.deliveries import DeliveryLog, WholeAttempt


class AtDestination(msgspec.Struct, frozen=True):
    """What became of a change at one destination. `fate`: in a word; `attempts`: in order, none while it waits.

    `destination`: its name at the last attempt; one that was renamed meanwhile had another before.
    """

    destination: str
    fate: str
    attempts: tuple[WholeAttempt, ...]


class ExplainedDelivery(msgspec.Struct, frozen=True):
    """A change and what became of it. `activation`: as attempts say it, if the warehouse does not have it (any more).

    `event`: the one that caused it; None if none did, or it is not kept any more.
    """

    activation_id: str
    activation: PublishedActivation
    event: CausingEvent | None
    destinations: tuple[AtDestination, ...]


def explained_delivery(settings: Settings, workspace: str, delivery_or_activation: str) -> ExplainedDelivery:
    """Explain a delivery, or what became of a change of a segment or of a trigger at all destinations.

    Raises UnknownDefinition if there is neither, and OnefoldError.
    """
    warehouse = look_ups(settings.clickhouse)
    attempts = DeliveryLog(warehouse, workspace).whole(delivery_or_activation)
    activation_id = attempts[0].activation_id if attempts else delivery_or_activation
    activation = find_activation(warehouse, workspace, activation_id) or _as_said(attempts)
    if activation is None:
        raise UnknownDefinition(
            "delivery",
            f"workspace {workspace!r} has no delivery, change or trigger with id {delivery_or_activation!r}"
            " (`onefold deliveries list` shows ids)",
        )
    event = find_cause(warehouse, workspace, activation)
    return ExplainedDelivery(activation_id, activation, event, at_destinations(attempts))


def _as_said(attempts: list[WholeAttempt]) -> PublishedActivation | None:
    """Return what attempts say of a change that the warehouse does not have, such as one that a sync has made."""
    if not attempts:
        return None
    first = attempts[0]
    return PublishedActivation(
        kind="trigger" if first.kind == "trigger" else "segment",
        name=first.name,
        change=first.change,
        activation_id=first.activation_id,
        profile_id=first.profile_id,
        profile_kind=first.profile_kind,
        happened_at=first.happened_at,
        decided_at=first.attempted_at,
        cause=SYNCED if first.reason == SYNCED else "",
        definition=0,
    )


def at_destinations(attempts: list[WholeAttempt]) -> tuple[AtDestination, ...]:
    """Return what became of a change at each destination, by its attempts in order of time. Pure."""
    by_destination: dict[str, list[WholeAttempt]] = {}
    for attempt in attempts:
        by_destination.setdefault(attempt.kept_as, []).append(attempt)
    ended = [
        AtDestination(own[-1].destination, fate_of(own[-1].outcome), tuple(own)) for own in by_destination.values()
    ]
    return tuple(sorted(ended, key=lambda each: each.destination))


def fate_of(outcome: str) -> str:
    """Return what becomes of a delivery whose last attempt has ended so: what is tried again waits."""
    return "waiting" if outcome in UNFINISHED else outcome
