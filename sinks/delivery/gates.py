"""Whether a delivery may be sent at this moment: asked before every attempt, replays included. Pure.

What is never sent is a delivery too, with the reason that is said here. Limits of the receiver (rate, breaker, pause)
are `limits`' and the process's: they concern all deliveries alike.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from definitions.destinations import Checks, Destination
from definitions.sampling import is_sampled
from definitions.streaming.quiet_hours import quiet_until
from schemas.activations import ONCE_MORE, Activation

NeverReason: TypeAlias = Literal["no_consent", "hold_out", "too_late", "quiet_hours", "not_held"]
WaitReason: TypeAlias = Literal["quiet_hours", "cap"]


class Situation(msgspec.Struct, frozen=True):
    """What is known at the moment of sending.

    `objection`: what the person's consent has against it (`schemas.consent`), None if nothing. `timezone`: the
    person's, empty if unknown. `sent_at`: times (ms) at which deliveries to the person on the channel were sent, in
    order, as far back as the longest cap. `may_be_held`: of states, whether the receiver may hold an entry of this
    profile and segment, as one was begun and no exit was delivered since; `was_sent`: whether one of this membership
    was begun at all, or of another profile's that this one has taken over.
    """

    now: int
    objection: str | None = None
    timezone: str = ""
    sent_at: Sequence[int] = ()
    may_be_held: bool = False
    was_sent: bool = False


class Send(msgspec.Struct, frozen=True):
    """It may be sent."""


class Wait(msgspec.Struct, frozen=True):
    """It may be sent from `until` (ms) on, if nothing else stands against it then."""

    until: int
    reason: WaitReason


class Never(msgspec.Struct, frozen=True):
    """It is not sent, ever, by this activation."""

    reason: NeverReason
    detail: str


Verdict: TypeAlias = Send | Wait | Never
SEND = Send()


def gate(destination: Destination, activation: Activation, situation: Situation) -> Verdict:
    """Return whether a delivery may be sent to a destination now.

    An exit from what a receiver may hold is always sent, as withholding it would keep somebody in a list who must not
    be in it; one from what it cannot hold never is, as it would tell the receiver of somebody that it does not know.
    What is said once more is as old as the membership, and not too old for that: unless it was never sent before.
    """
    if destination.holds == "states" and activation.change == "exited":
        return SEND if situation.may_be_held else Never("not_held", "the receiver was never sent the entry")
    return (
        _against_forever(destination, activation, situation)
        or _in_quiet_hours(destination.checks, situation)
        or _over_a_cap(destination.checks, situation)
        or SEND
    )


def _against_forever(destination: Destination, activation: Activation, situation: Situation) -> Never | None:
    checks = destination.checks
    if situation.objection is not None:
        return Never("no_consent", situation.objection)
    profile_id, held_out = activation.profile_id, checks.hold_out_permille
    if profile_id is not None and is_sampled(destination.kept_as, profile_id, held_out):
        return Never("hold_out", f"{held_out / 10:g} % of all persons are held out")
    late_ms = situation.now - activation.happened_at
    is_once_more = activation.cause in ONCE_MORE and situation.was_sent
    if checks.not_older_than_ms is not None and not is_once_more and late_ms > checks.not_older_than_ms:
        return Never("too_late", f"it is {late_ms // 1000} s old, {checks.not_older_than_ms // 1000} s are allowed")
    return None


def _in_quiet_hours(checks: Checks, situation: Situation) -> Wait | Never | None:
    quiet = checks.quiet_hours
    until = None if quiet is None else quiet_until(situation.now, situation.timezone or None, quiet)
    if quiet is None or until is None:
        return None
    if quiet.drops:
        return Never("quiet_hours", f"the person's time zone: {situation.timezone or quiet.zone}")
    return Wait(until, "quiet_hours")


def _over_a_cap(checks: Checks, situation: Situation) -> Wait | None:
    """Wait until the oldest of the deliveries that fill a cap leaves its time: e + w, as for any window."""
    until = 0
    for cap in checks.caps:
        within = [at for at in situation.sent_at if situation.now - cap.within_ms < at <= situation.now]
        if len(within) >= cap.at_most:
            until = max(until, within[-cap.at_most] + cap.within_ms)
    return Wait(until, "cap") if until else None
