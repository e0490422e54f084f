"""Destinations: who is sent which changes of segments and which triggers, how, when, and within which limits.

What becomes of a delivery is left to `sinks.delivery`, how a kind of receiver is sent it to `sinks.destinations`.
"""

from typing import Literal, TypeAlias, get_args

import msgspec

from definitions.mapping import Fields
from definitions.quiet_hours import QuietHours
from definitions.receivers import Receiver
from definitions.receivers.kinds import channel_of, holds_of, type_of
from definitions.receivers.mail import Mail
from definitions.receivers.values import Holds
from schemas.consent import ALL

Change: TypeAlias = Literal["entered", "exited", "fired"]
CHANGES: tuple[Change, ...] = get_args(Change)
TOPIC = "topic"
"""The type of a destination that is its topic alone."""
RETRY_FOR_MS = 72 * 3_600_000
TIMEOUT_MS = 10_000
CONCURRENCY = 8
MAX_CONCURRENCY = 1_000


class Cap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person is sent at most so many deliveries on a channel within a time, whatever the destination."""

    at_most: int
    within_ms: int


class Checks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom a destination may send to, when, and how often; what says nothing lets everything pass.

    `purpose`, `channel`: what a person must have consented to, as written (`Destination.consent_purpose`,
    `reached_by`); `caps` count per channel. `hold_out_permille`: this part of all profiles, the sample whose salt is
    the destination's `kept_as`, is never sent anything. `not_older_than_ms`: entries and triggers decided later than
    this after their time are not sent.
    """

    purpose: str = ""
    channel: str = ""
    quiet_hours: QuietHours | None = None
    caps: tuple[Cap, ...] = ()
    hold_out_permille: int = 0
    not_older_than_ms: int | None = None


class SendingPace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How fast a receiver is sent to, and for how long.

    `rate`: deliveries a second of all processes together, None: as fast as it answers. `concurrency`: requests under
    way in a process. `retry_for_ms`: since the first attempt. `timeout_ms`: of one request.
    """

    rate: float | None = None
    concurrency: int = CONCURRENCY
    retry_for_ms: int = RETRY_FOR_MS
    timeout_ms: int = TIMEOUT_MS


class Destination(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where changes of segments and triggers are sent: to the topic `activation.<name>`, and from it to the receiver.

    `receiver`: None for one that is the topic alone; then nothing but `traits`, `checks.not_older_than_ms` and
    `coalesces` says anything. `mapping`: what a delivery's fields are made of. `traits` travel with each change; those
    that the mapping reads are among them. `changes`: those that are delivered. `coalesces`: of several changes in one
    batch the last one of a profile and segment is sent. `renamed_from`: its former names, the oldest first.
    """

    name: str
    title: str = ""
    description: str = ""
    receiver: Receiver | None = None
    mapping: Fields = Fields()
    traits: tuple[str, ...] = ()
    changes: tuple[Change, ...] = CHANGES
    checks: Checks = Checks()
    coalesces: bool = False
    pace: SendingPace = SendingPace()
    renamed_from: tuple[str, ...] = ()

    def __hash__(self) -> int:
        return hash(self.name)  # options may have dicts

    @property
    def type(self) -> str:
        """The kind of its receiver, as the file names it."""
        return TOPIC if self.receiver is None else type_of(type(self.receiver))

    @property
    def holds(self) -> Holds:
        """Whether its receiver holds states, or takes events, as whoever reads its topic does."""
        return "events" if self.receiver is None else holds_of(self.receiver)

    @property
    def reached_by(self) -> str:
        """By what channel it reaches people: as it is written, else its kind's; empty if it has none."""
        return self.checks.channel or ("" if self.receiver is None else channel_of(type(self.receiver)))

    @property
    def carried_by(self) -> str:
        """The channel that mails go by though their file names another one: who denies it gets none. Else empty."""
        email = channel_of(Mail)
        return email if isinstance(self.receiver, Mail) and self.reached_by != email else ""

    @property
    def consent_purpose(self) -> str:
        """For what purpose people are asked; empty if they are not.

        Who wants no mails at all, or whose address does not exist, gets none that names no purpose either.
        """
        return self.checks.purpose or (ALL if isinstance(self.receiver, Mail) else "")

    @property
    def kept_as(self) -> str:
        """Its first name: whatever it is called, by it go lines, keys of deliveries and the hold-out."""
        return self.names[0]

    @property
    def names(self) -> tuple[str, ...]:
        """All names that it has, or had, the oldest first."""
        return tuple(dict.fromkeys((*self.renamed_from, self.name)))

    def is_too_late(self, delay_ms: int) -> bool:
        """Return whether something was decided too long after its time to be put on the topic.

        Where there is a receiver everything is: its age is checked when it is sent, so that it is known what became of
        it.
        """
        most_ms = self.checks.not_older_than_ms
        return self.receiver is None and most_ms is not None and delay_ms > most_ms
