"""Answers of receivers are read without trust: what is no JSON says nothing, and stops nobody."""

import pytest

from sinks.destinations.audiences.answers import outcome_of
from sinks.destinations.contract import Exchange, Refused
from sinks.destinations.http.session import Answer


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"message": "\xff"}', b"[" * 100_000])
def test_what_is_no_json_is_no_answer_of_the_service(body: bytes) -> None:
    answer = Answer(400, {}, body, Exchange())
    assert answer.json() is None
    assert isinstance(outcome_of(answer), Refused)
