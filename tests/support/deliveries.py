"""Attempts of deliveries with few fields given."""

from schemas import topics
from schemas.identity import profile_key
from schemas.records import DeliveryAttempt, SegmentChange
from tests.sinks.examples import ADA, ADAS, NOW, Placed, codec


def activation(change_id: str, workspace: str, at: int = NOW, profile_id: str = ADAS, version: int = 1) -> bytes:
    """The record of an entry into `buyers`, as it lies on the topic of a destination."""
    record = SegmentChange(workspace, change_id, profile_id, "buyers", "entered", at, "m1", version, (ADA,))
    return codec().encoder(SegmentChange)(record)


def attempt(delivery_id: str, outcome: str, workspace: str = "main", **fields: object) -> DeliveryAttempt:
    """What became of Ada's entry into `buyers` at the destination `mail`; of a refusal with its record."""
    change_id = str(fields.pop("activation_id", f"c-{delivery_id}"))
    given: dict[str, object] = {
        "destination": "mail",
        "kind": "segment",
        "name": "buyers",
        "change": "entered",
        "activation_id": change_id,
        "happened_at": NOW,
        "attempt": 1,
        "outcome": outcome,
        "attempted_at": NOW + 1,
        "profile_id": ADAS,
        "profile_kind": "person",
        "mapping": "f",
        "version": 1,
        "kept_as": fields.get("destination", "mail"),
    }
    if outcome in {"refused", "suppressed"}:
        given["activation"] = activation(change_id, workspace)
    return DeliveryAttempt(workspace=workspace, delivery_id=delivery_id, **(given | fields))  # type: ignore[arg-type]


def placed_attempt(record: DeliveryAttempt, offset: int) -> Placed:
    """An attempt on its topic."""
    key = profile_key(record.workspace, record.profile_id or ADAS)
    return topics.DELIVERIES, offset % 4, offset, key, record
