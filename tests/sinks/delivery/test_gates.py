"""Whether a delivery may be sent at this moment."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from definitions.destinations import Cap, Checks, Destination
from definitions.quiet_hours import QuietHours
from definitions.receivers.sql import Sql
from definitions.receivers.webhook import Webhook
from definitions.sampling import is_sampled
from schemas.activations import Activation
from sinks.delivery.gates import SEND, Never, Send, Situation, Wait, gate

NIGHT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)  # half past eleven in Shanghai
NOW = int(NIGHT.timestamp() * 1000)
HOUR = 3_600_000
QUIET = QuietHours(22 * 60, 8 * 60, "UTC")
PROFILE = "93e7a206-841d-5949-9051-80b50ebdd678"
ENTERED = Activation("main", "segment", "vip", "entered", "c1", PROFILE, "person", NOW - 5_000, NOW, "m1", 7)
EXITED = replace(ENTERED, change="exited")
FIRED = replace(ENTERED, kind="trigger", name="cart", change="fired")
STATES = Destination("list", receiver=Sql("sqlite:////shop.db", "audience"))
EVENTS = Destination("mail", receiver=Webhook("https://shop.example"))


def checking(destination: Destination, checks: Checks) -> Destination:
    return replace(destination, checks=checks)


def test_what_nothing_stands_against_is_sent() -> None:
    assert gate(EVENTS, FIRED, Situation(NOW)) == gate(STATES, ENTERED, Situation(NOW)) == SEND


def test_who_has_not_consented_is_sent_nothing() -> None:
    verdict = gate(EVENTS, FIRED, Situation(NOW, objection="marketing by email is denied"))
    assert verdict == Never("no_consent", "marketing by email is denied")


@given(st.booleans(), st.booleans())
def test_an_exit_is_sent_exactly_where_the_receiver_may_hold_the_entry(may_be_held: bool, objects: bool) -> None:
    objection = "denied" if objects else None
    strict = checking(
        STATES, Checks(quiet_hours=QUIET, caps=(Cap(1, HOUR),), not_older_than_ms=1, hold_out_permille=1_000)
    )
    situation = Situation(NOW, objection, "Asia/Shanghai", [NOW], may_be_held)
    assert isinstance(gate(strict, EXITED, situation), Send if may_be_held else Never)


def test_an_exit_to_a_receiver_of_events_is_an_event() -> None:
    assert isinstance(gate(EVENTS, EXITED, Situation(NOW, "denied", may_be_held=True)), Never)


def test_quiet_hours_are_those_of_the_persons_time_zone() -> None:
    strict = checking(EVENTS, Checks(quiet_hours=QUIET))
    verdict = gate(strict, FIRED, Situation(NOW, timezone="Asia/Shanghai"))
    assert isinstance(verdict, Wait)
    assert datetime.fromtimestamp(verdict.until / 1000, ZoneInfo("Asia/Shanghai")).hour == 8
    assert gate(strict, FIRED, Situation(NOW)) == SEND
    assert gate(strict, FIRED, Situation(NOW, timezone="Nowhere/Else")) == SEND
    assert gate(strict, FIRED, Situation(verdict.until, timezone="Asia/Shanghai")) == SEND


def test_quiet_hours_that_drop_say_so() -> None:
    strict = checking(EVENTS, Checks(quiet_hours=replace(QUIET, drops=True)))
    verdict = gate(strict, FIRED, Situation(NOW, timezone="Asia/Shanghai"))
    assert isinstance(verdict, Never)
    assert verdict.reason == "quiet_hours"


def test_who_was_sent_as_much_as_a_cap_allows_waits_until_the_oldest_has_left_its_time() -> None:
    strict = checking(EVENTS, Checks(caps=(Cap(2, HOUR), Cap(3, 24 * HOUR))))
    sent_at = [NOW - 23 * HOUR, NOW - 30 * 60_000, NOW - 60_000]
    assert gate(strict, FIRED, Situation(NOW, sent_at=sent_at)) == Wait(NOW + HOUR, "cap")
    assert gate(strict, FIRED, Situation(NOW, sent_at=sent_at[1:])) == Wait(NOW + 30 * 60_000, "cap")
    assert gate(strict, FIRED, Situation(NOW, sent_at=sent_at[2:])) == SEND


def test_at_the_time_for_which_it_waited_it_may_be_sent() -> None:
    strict = checking(EVENTS, Checks(caps=(Cap(1, HOUR),)))
    verdict = gate(strict, FIRED, Situation(NOW, sent_at=[NOW - 5]))
    assert isinstance(verdict, Wait)
    assert gate(strict, FIRED, Situation(verdict.until, sent_at=[NOW - 5])) == SEND


def test_what_has_become_too_old_is_not_sent() -> None:
    strict = checking(EVENTS, Checks(not_older_than_ms=4_999))
    assert isinstance(gate(strict, FIRED, Situation(NOW)), Never)
    assert gate(checking(EVENTS, Checks(not_older_than_ms=5_000)), FIRED, Situation(NOW)) == SEND


def test_what_is_said_once_more_is_not_too_old_for_that() -> None:
    strict = checking(STATES, Checks(not_older_than_ms=1))
    assert isinstance(gate(strict, ENTERED, Situation(NOW)), Never)
    for cause in ("reaffirm", "reinstate"):
        once_more = replace(ENTERED, cause=cause)
        assert gate(strict, once_more, Situation(NOW, was_sent=True)) == SEND
        assert isinstance(gate(strict, once_more, Situation(NOW)), Never)
    assert isinstance(gate(strict, ENTERED, Situation(NOW, was_sent=True)), Never)


def test_the_part_that_is_held_out_is_the_sample_of_the_destinations_name() -> None:
    strict = checking(EVENTS, Checks(hold_out_permille=100))
    people = [f"{number:08x}-841d-5949-9051-80b50ebdd678" for number in range(2_000)]
    withheld = {each for each in people if gate(strict, replace(FIRED, profile_id=each), Situation(NOW)) != SEND}
    assert withheld == {each for each in people if is_sampled("mail", each, 100)}
    assert 120 < len(withheld) < 280
