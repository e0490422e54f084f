"""Activations as PROFILE makes them."""

from typing import Literal

from schemas.activations import Activation


def activation(
    version: int, change: Literal["entered", "exited", "fired"] = "entered", name: str = "buyers", profile: str = "p"
) -> Activation:
    """A change of a segment, or a trigger that fired, of one profile."""
    return Activation(
        workspace="w",
        kind="trigger" if change == "fired" else "segment",
        name=name,
        change=change,
        activation_id=f"{profile}-{name}-{version}",
        profile_id=profile,
        profile_kind="person",
        happened_at=version,
        decided_at=version,
        cause="m",
        version=version,
    )
