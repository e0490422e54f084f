"""What became of deliveries, attempt by attempt."""

from itertools import chain
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from schemas.records.values import ProfileKind

DeliveryOutcome: TypeAlias = Literal["delivered", "retry", "suspended", "refused", "suppressed", "superseded"]

UNFINISHED: frozenset[DeliveryOutcome] = frozenset({"retry", "suspended"})
"""Outcomes after which a delivery waits: another attempt follows."""

SYNCED: Final = "sync"
"""Reason of an attempt that says that a destination is brought in line with a segment, and cause of that change."""
REPLAYED: Final = "replayed"
"""Reason of an attempt that says that an operator has had the delivery queued once more."""

_Failed: TypeAlias = Literal["network", "timeout", "throttled", "unavailable", "unauthorised"]
_Queued: TypeAlias = Literal["in_order", "replayed", "sync"]
_Refused: TypeAlias = Literal["rejected", "unmappable", "too_large", "forbidden_address"]
_GivenUp: TypeAlias = Literal["expired", "no_destination", "too_many_waiting"]
_Suppressed: TypeAlias = Literal["no_consent", "hold_out", "too_late", "quiet_hours", "not_held", "not_wanted"]
_Superseded: TypeAlias = Literal["newer", "older"]

DeliveryReason: TypeAlias = _Failed | _Queued | _Refused | _GivenUp | _Suppressed | _Superseded
"""Why something waits, was refused, was suppressed, or was superseded."""
REASONS: tuple[DeliveryReason, ...] = tuple(chain.from_iterable(map(get_args, get_args(DeliveryReason))))

NOT_SENT: frozenset[DeliveryReason] = frozenset({"forbidden_address"})
"""Reasons of attempts whose request was made, and never left."""


class DeliveryAttempt(msgspec.Struct, frozen=True, gc=False):
    """What became of a delivery: of each attempt to send it, or that it was not sent and why.

    `delivery_id`: the delivery's key. `attempt`: from 1; 0 if it never was sent. `due_at`: when it is tried again.
    `kept_as`: the destination's first name, under which all its attempts are found whatever it was called.
    `activation`: the original record, of what was refused or suppressed, so that it can be replayed.
    """

    workspace: str
    delivery_id: str
    destination: str
    kind: Literal["segment", "trigger"]
    name: str
    change: Literal["entered", "exited", "fired"]
    activation_id: str
    happened_at: int
    attempt: int
    outcome: DeliveryOutcome
    attempted_at: int
    profile_id: str | None = None
    profile_kind: ProfileKind | None = None
    reason: DeliveryReason | Literal[""] = ""
    detail: str = ""
    took_ms: int = 0
    due_at: int | None = None
    status: int | None = None
    request: str = ""
    answer: str = ""
    mapping: str = ""
    version: int = 0
    kept_as: str = ""
    activation: bytes | None = None
