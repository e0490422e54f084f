"""Deliveries of segments, for the tests of audiences and contacts."""

from collections.abc import Mapping
from typing import Literal

from schemas.activations import Activation
from sinks.destinations.contract import Delivery

Change = Literal["entered", "exited"]


def delivery(
    person: str,
    fields: Mapping[str, object],
    change: Change = "entered",
    *,
    segment: str = "loyal",
    version: int = 1,
) -> Delivery:
    """Return the delivery of a change of a segment."""
    activation = Activation(
        workspace="main",
        kind="segment",
        name=segment,
        change=change,
        activation_id=f"{person}-{segment}-{version}",
        profile_id=person,
        profile_kind="person",
        happened_at=1_000,
        decided_at=1_000,
        cause="event",
        version=version,
    )
    return Delivery(f"key-{person}-{segment}-{version}", activation, fields)
