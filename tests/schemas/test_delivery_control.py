"""A destination is paused from the record that says so until the one that resumes it."""

import pytest

from schemas.delivery_control import Pause, Pauses, pause_record, resume_record

PAUSE = Pause("mail", 1_700_000_000_000, "the relay moves house")


def test_a_destination_is_paused_until_it_is_resumed() -> None:
    paused = Pauses().with_record(*pause_record(PAUSE)).with_record(*pause_record(Pause("ads", 5)))
    assert paused.of == {"mail": PAUSE, "ads": Pause("ads", 5)}
    assert paused.with_record(*resume_record("mail")).of == {"ads": Pause("ads", 5)}


def test_to_resume_what_is_not_paused_changes_nothing() -> None:
    assert Pauses().with_record(*resume_record("mail")) == Pauses({})


@pytest.mark.parametrize(
    ("key", "value"),
    [(None, b"{}"), (b"other|mail", b"{}"), (b"pause|mail", b"no JSON"), (b"pause|mail", b'{"paused_at": "now"}')],
)
def test_what_is_no_record_of_the_topic_changes_nothing(key: bytes | None, value: bytes) -> None:
    paused = Pauses().with_record(*pause_record(PAUSE))
    assert paused.with_record(key, value) == paused
