"""Activations: what a destination is to hear, of one form for changes of segments and for triggers."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from schemas.identity import stable_id
from schemas.records import FiredTrigger, Identifier, ProfileKind, SegmentChange

ActivationKind: TypeAlias = Literal["segment", "trigger"]
REAFFIRM = "reaffirm"
"""The cause of what is said once more of a membership, as the identifiers that it was said under have moved."""
REINSTATE = "reinstate"
"""The cause of an entry that is said once more after another profile's exit: the receiver had the person until then."""
ONCE_MORE = frozenset({REAFFIRM, REINSTATE})
"""The causes of what is about no change of a membership."""


class Activation(msgspec.Struct, frozen=True):
    """That a profile entered or left a segment, or that a trigger fired: a record of `activation.NAME`.

    `activation_id`: the change's or the trigger's own id. `happened_at`: when it became true, `decided_at`: when that
    was decided; ms. `traits` and `payload`: JSON objects. `profile_id` is None of a trigger across persons; `across` is
    then the value that it is about, as JSON. `version`: of the profile, orders what is about it. `consent`: JSON of
    `schemas.consent`; `timezone`: empty if unknown; both as of when it was decided.
    """

    workspace: str
    kind: ActivationKind
    name: str
    change: Literal["entered", "exited", "fired"]
    activation_id: str
    profile_id: str | None
    profile_kind: ProfileKind | None
    happened_at: int
    decided_at: int
    cause: str
    version: int
    identifiers: tuple[Identifier, ...] = ()
    traits: str = "{}"
    payload: str = "{}"
    across: str | None = None
    consent: str = "{}"
    timezone: str = ""


def activation_of(record: SegmentChange | FiredTrigger) -> Activation:
    """Return what a record of `activation.NAME` says."""
    if isinstance(record, SegmentChange):
        return Activation(
            workspace=record.workspace,
            kind="segment",
            name=record.segment,
            change=record.change,
            activation_id=record.change_id,
            profile_id=record.profile_id,
            profile_kind=record.profile_kind,
            happened_at=record.changed_at,
            decided_at=record.decided_at,
            cause=record.cause,
            version=record.version,
            identifiers=record.identifiers,
            traits=record.traits,
            consent=record.consent,
            timezone=record.timezone,
        )
    return Activation(
        workspace=record.workspace,
        kind="trigger",
        name=record.trigger,
        change="fired",
        activation_id=record.trigger_id,
        profile_id=record.profile_id,
        profile_kind=record.profile_kind,
        happened_at=record.fired_at,
        decided_at=record.decided_at,
        cause=record.cause,
        version=record.version,
        identifiers=record.identifiers,
        traits=record.traits or "{}",
        payload=record.payload,
        across=record.across,
        consent=record.consent,
        timezone=record.timezone,
    )


def covers(later: Sequence[Identifier], earlier: Sequence[Identifier]) -> bool:
    """Return whether an entry with later identifiers names all that one with earlier ones did.

    A mapping may select all of a namespace or the first one: so the first must be the same as well.
    """
    first = {each.namespace: each.value for each in reversed(later)}
    first_before = {each.namespace: each.value for each in reversed(earlier)}
    return set(earlier) <= set(later) and first_before.items() <= first.items()


def delivery_key(activation: Activation, destination: str, mapping: str) -> str:
    """Return the key of a delivery: the same in every attempt; `mapping`: the fingerprint of what makes the body."""
    return stable_id(f"delivery|{activation.workspace}|{activation.activation_id}|{destination}|{mapping}")
