"""The record of what became of a delivery: of each attempt, and of what was not sent. Pure."""

from typing import NamedTuple

from schemas.activations import Activation, delivery_key
from schemas.records import DeliveryAttempt
from schemas.records.deliveries import DeliveryOutcome
from sinks.delivery.activations import MAX_ACTIVATION_BYTES
from sinks.destinations.contract import Exchange

_REPLAYABLE = frozenset({"refused", "suppressed"})


class Whose(NamedTuple):
    """Of which destination something is said. `kept_as`: its first name; `mapping`: its mapping's fingerprint."""

    destination: str
    kept_as: str
    mapping: str = ""


class Saying(NamedTuple):
    """What is said of a delivery, beside what it is. `key`: its own, where that is at hand."""

    outcome: DeliveryOutcome
    reason: str = ""
    detail: str = ""
    attempt: int = 0
    took_ms: int = 0
    due_at: int | None = None
    exchange: Exchange = Exchange()
    key: str = ""


def attempt_record(whose: Whose, activation: Activation, record: bytes, saying: Saying, now: int) -> DeliveryAttempt:
    """Make the record. `record`: the activation as it came."""
    is_kept = saying.outcome in _REPLAYABLE and len(record) <= MAX_ACTIVATION_BYTES
    return DeliveryAttempt(
        workspace=activation.workspace,
        delivery_id=saying.key or delivery_key(activation, whose.kept_as, whose.mapping),
        destination=whose.destination,
        kind=activation.kind,
        name=activation.name,
        change=activation.change,
        activation_id=activation.activation_id,
        profile_id=activation.profile_id,
        profile_kind=activation.profile_kind,
        happened_at=activation.happened_at,
        attempt=saying.attempt,
        outcome=saying.outcome,
        reason=saying.reason,
        detail=saying.detail,
        attempted_at=now,
        took_ms=saying.took_ms,
        due_at=saying.due_at,
        status=saying.exchange.status,
        request=saying.exchange.request,
        answer=saying.exchange.answer,
        mapping=whose.mapping,
        version=activation.version,
        kept_as=whose.kept_as,
        activation=record if is_kept else None,
    )
