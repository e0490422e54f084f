"""A destination is paused from the record that says so until the one that resumes it."""

import pytest

from schemas.delivery_control import (
    Pause,
    Pauses,
    Resumed,
    Suspended,
    Unopened,
    accepted_record,
    opened_record,
    pause_record,
    resume_record,
    resumed_record,
    suspended_record,
    unopened_record,
)

PAUSE = Pause("mail", 1_700_000_000_000, "the relay moves house")


def test_a_destination_is_paused_until_it_is_resumed() -> None:
    paused = Pauses().with_record(*pause_record(PAUSE)).with_record(*pause_record(Pause("ads", 5)))
    assert paused.of == {"mail": PAUSE, "ads": Pause("ads", 5)}
    assert paused.with_record(*resume_record("mail")).of == {"ads": Pause("ads", 5)}


def test_a_destination_does_not_open_until_it_does_and_a_pause_is_another_matter() -> None:
    lacking = Unopened("mail", 7, "the environment variable KEY is not set")
    said = Pauses().with_record(*pause_record(PAUSE)).with_record(*unopened_record(lacking))
    assert said == Pauses({"mail": PAUSE}, {"mail": lacking})
    assert said.with_record(*resume_record("mail")) == Pauses({}, {"mail": lacking})
    assert said.with_record(*opened_record("mail")) == Pauses({"mail": PAUSE}, {})


def test_a_destination_does_not_accept_its_credentials_until_it_does_which_is_no_matter_of_a_pause() -> None:
    refused = Suspended("mail", 7, "answered 401 Unauthorized")
    said = Pauses().with_record(*pause_record(PAUSE)).with_record(*suspended_record(refused))
    assert said == Pauses({"mail": PAUSE}, suspended={"mail": refused})
    assert said.with_record(*opened_record("mail")) == said
    assert said.with_record(*accepted_record("mail")) == Pauses({"mail": PAUSE})


def test_that_an_operator_has_resumed_it_is_kept_whether_it_was_paused_or_not() -> None:
    said = Pauses().with_record(*resumed_record(Resumed("mail", 5))).with_record(*resumed_record(Resumed("mail", 7)))
    assert said == Pauses(resumed={"mail": Resumed("mail", 7)})
    assert said.only(["ads"]) == Pauses()


def test_what_is_said_of_a_destination_that_was_renamed_is_said_of_its_name_of_now() -> None:
    refused = Suspended("other", 7, "answered 401 Unauthorized")
    said = Pauses().with_record(*pause_record(PAUSE)).with_record(*suspended_record(refused))
    assert said.renamed({"mail": "letters", "letters": "letters"}) == Pauses(
        {"letters": PAUSE}, suspended={"other": refused}
    )


def test_to_resume_what_is_not_paused_changes_nothing() -> None:
    assert Pauses().with_record(*resume_record("mail")) == Pauses({})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, b"{}"),
        (b"other|mail", b"{}"),
        (b"pause|mail", b"no JSON"),
        (b"pause|mail", b'{"paused_at": "now"}'),
        (b"resumed|mail", b"{}"),
        (b"unopened|mail", b"{}"),
        (b"suspended|mail", b"{}"),
    ],
)
def test_what_is_no_record_of_the_topic_changes_nothing(key: bytes | None, value: bytes) -> None:
    paused = Pauses().with_record(*pause_record(PAUSE))
    assert paused.with_record(key, value) == paused
