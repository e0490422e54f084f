"""Why something waits for a person at a destination that has not been attempted."""

import pytest
from msgspec.structs import replace

from definitions.destinations import Cap, Checks, Destination
from definitions.quiet_hours import QuietHours
from definitions.receivers.webhook import Webhook
from onefold.person_waiting import REASONS, reason_of
from schemas.delivery_control import Pause, Pauses, Suspended, Unopened
from sinks.delivery.unfinished import Queued, Unfinished
from tests.sinks.delivery.examples import activation
from tests.sinks.delivery.test_gates import NOW

HOUR = 3_600_000
ALL_DAY = QuietHours(0, 24 * 60 - 1, "UTC")
HOOK = Destination("hook", receiver=Webhook("https://shop.example"), checks=Checks(caps=(Cap(1, HOUR),)))
QUIET = Destination("quiet", receiver=HOOK.receiver, checks=replace(HOOK.checks, quiet_hours=ALL_DAY))
HELD_UP = Pauses(
    {"paused": Pause("paused", NOW)}, {"shut": Unopened("shut", NOW, "x")}, {"strict": Suspended("strict", NOW, "x")}
)


def in_line(before: int = 0, due_at: int | None = NOW + HOUR) -> Queued:
    return Queued(Unfinished("hook", NOW, b""), before, due_at)


@pytest.mark.parametrize(
    ("destination", "queued", "reason"),
    [
        (None, in_line(), "no_destination"),
        (Destination("paused", receiver=HOOK.receiver), None, "paused"),
        (Destination("shut", receiver=HOOK.receiver), in_line(), "unopened"),
        (Destination("strict", receiver=HOOK.receiver), in_line(1), "unauthorised"),
        (HOOK, None, "unread"),
        (HOOK, in_line(1), "in_order"),
        (HOOK, in_line(due_at=NOW), "due"),
        (HOOK, in_line(), "cap"),
        (QUIET, in_line(), "quiet_hours"),
        (Destination("plain", receiver=HOOK.receiver), in_line(), "due"),
    ],
)
def test_why_something_waits_is_known_by_where_it_is(
    destination: Destination | None, queued: Queued | None, reason: str
) -> None:
    assert reason_of(destination, activation(1), queued, HELD_UP, NOW) == reason
    assert reason in REASONS
