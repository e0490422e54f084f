"""What became of a delivery, said of an activation at a destination: the record of `deliveries`. Pure.

Deliverers say it, and so do whoever replays deliveries or brings a destination in line.
"""

from typing import Literal, NamedTuple

from schemas.activations import Activation, delivery_key
from schemas.records import DeliveryAttempt
from schemas.records.deliveries import DeliveryOutcome, DeliveryReason


class Whose(NamedTuple):
    """Of which destination something is said. `kept_as`: its first name; `mapping`: its mapping's fingerprint."""

    destination: str
    kept_as: str
    mapping: str = ""


class Saying(NamedTuple):
    """What is said of a delivery, beside what it is. `key`: its own, where that is at hand.

    `status`, `request`, `answer`: what was exchanged with the receiver, without secrets.
    """

    outcome: DeliveryOutcome
    reason: DeliveryReason | Literal[""] = ""
    detail: str = ""
    attempt: int = 0
    took_ms: int = 0
    due_at: int | None = None
    status: int | None = None
    request: str = ""
    answer: str = ""
    key: str = ""


def delivery_attempt(
    whose: Whose, activation: Activation, saying: Saying, now: int, record: bytes | None = None
) -> DeliveryAttempt:
    """Return what is put on `deliveries`. `record`: the activation as it came, where it is kept for a replay."""
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
        status=saying.status,
        request=saying.request,
        answer=saying.answer,
        mapping=whose.mapping,
        version=activation.version,
        kept_as=whose.kept_as,
        activation=record,
    )
