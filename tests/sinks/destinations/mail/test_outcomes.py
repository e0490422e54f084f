"""What a mail server's answers mean: whose fault it is, and whether another attempt may succeed."""

import pytest

from sinks.destinations.contract import Exchange, Refused, Retry, Unauthorised
from sinks.destinations.mail.outcomes import HARD_BOUNCE, Stage, outcome_of


@pytest.mark.parametrize(
    ("code", "said", "stage", "expected"),
    [
        (421, "4.7.0 closing", "connection", ("throttled", True)),
        (421, "4.7.0 too many", "recipient", ("throttled", True)),
        (450, "4.2.0 greylisted", "recipient", ("throttled", False)),
        (451, "4.3.0 try later", "content", ("throttled", False)),
        (452, "4.2.2 mailbox full", "recipient", ("throttled", False)),
        (454, "4.7.0 no login now", "login", ("unavailable", True)),
        (432, "", "login", ("unavailable", True)),
    ],
)
def test_what_is_for_now_is_tried_again(code: int, said: str, stage: Stage, expected: tuple[str, bool]) -> None:
    outcome = outcome_of(code, said, stage, Exchange())
    assert isinstance(outcome, Retry), outcome
    assert (outcome.reason, outcome.is_receivers) == expected


@pytest.mark.parametrize(
    ("code", "stage"),
    [
        (535, "login"),
        (534, "login"),
        (530, "sender"),
        (530, "recipient"),
        (554, "connection"),
        (553, "sender"),
        (504, "login"),
    ],
)
def test_what_is_about_us_pauses_the_destination(code: int, stage: Stage) -> None:
    assert isinstance(outcome_of(code, "5.7.8 no", stage, Exchange()), Unauthorised)


@pytest.mark.parametrize(
    ("code", "said", "stage", "reason", "bounced"),
    [
        (550, "5.1.1 no such user", "recipient", "rejected", True),
        (550, "no such user", "recipient", "rejected", True),
        (550, "5.2.1 switched off", "recipient", "rejected", True),
        (550, "5.7.1 not wanted", "recipient", "rejected", False),
        (554, "5.7.1 spam", "content", "rejected", False),
        (552, "5.3.4 too big", "content", "too_large", False),
        (552, "5.3.4 too big", "sender", "too_large", False),
    ],
)
def test_what_is_for_ever_is_refused(code: int, said: str, stage: Stage, reason: str, bounced: bool) -> None:
    outcome = outcome_of(code, said, stage, Exchange())
    assert isinstance(outcome, Refused), outcome
    assert outcome.reason == reason
    assert outcome.detail.startswith(HARD_BOUNCE) == bounced
    assert (outcome.bounce is not None) == bounced
    assert (outcome.bounce is not None and outcome.bounce.is_hard) == (bounced and said[0] == "5")
