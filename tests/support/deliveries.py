"""Attempts of deliveries with few fields given."""

from schemas import topics
from schemas.identity import profile_key
from schemas.records import DeliveryAttempt, SegmentChange
from tests.sinks.examples import ADA, ADAS, NOW, Placed, codec


def entry(change_id: str, workspace: str) -> SegmentChange:
    """Ada's entry into `buyers`."""
    return SegmentChange(workspace, change_id, ADAS, "buyers", "entered", NOW, "m1", 1, (ADA,))


def activation(change_id: str, workspace: str) -> bytes:
    """The record of that entry, as it lies on the topic of a destination."""
    return codec().encoder(SegmentChange)(entry(change_id, workspace))


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
