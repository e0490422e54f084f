"""Deliveries to stores: of whom, of what, with which fields."""

from collections.abc import Mapping
from typing import Literal

from schemas.activations import Activation, delivery_key
from schemas.identity import stable_id
from sinks.destinations.contract import Delivery


def delivery(
    number: int = 0,
    change: Literal["entered", "exited", "fired"] = "entered",
    version: int | None = None,
    fields: Mapping[str, object] | None = None,
) -> Delivery:
    """The change of the number-th person, of whom nothing else is about; `fields` go before the preset's."""
    version = number + 1 if version is None else version
    profile = f"93e7a206-841d-5949-9051-{number:012}"
    activation = Activation(
        workspace="main",
        kind="trigger" if change == "fired" else "segment",
        name="大客户",
        change=change,
        activation_id=stable_id(f"{profile} {change} {version}"),
        profile_id=profile,
        profile_kind="person",
        happened_at=1_700_000_000_000 + number,
        decided_at=1_700_000_000_500,
        cause="m1",
        version=version,
    )
    preset = {
        "profile_id": profile,
        "name": "大客户",
        "change": change,
        "happened_at": "2023-11-14T22:13:20.000Z",
        "version": version,
    }
    key = delivery_key(activation, "here", "1")
    return Delivery(key, activation, {k: v for k, v in (preset | dict(fields or {})).items() if v is not None})
