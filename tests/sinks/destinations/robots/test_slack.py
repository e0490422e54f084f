"""Slack's incoming webhooks, against a server that checks requests and answers as Slack's documentation says."""

import json

import pytest
from aiohttp import web

from definitions.receivers.slack import Slack
from sinks.destinations.contract import Delivered, Refused, Retry, Unauthorised
from sinks.destinations.robots.robot import Robot
from sinks.destinations.slack import body_of, slack_robot
from tests.sinks.destinations.robots.contract import URL, RobotContract


class TestSlack(RobotContract):
    def robot(self, timeout_s: float, *, allow_private: bool) -> Robot:
        return slack_robot(Slack(URL, allow_private=allow_private), timeout_s)

    async def accept(self, request: web.Request) -> web.StreamResponse:
        try:
            said = json.loads(await request.read())
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        if not said.get("text") and not said.get("blocks"):
            return web.Response(status=400, text="no_text")
        if not request.headers["Content-Type"].startswith("application/json"):
            return web.Response(status=400, text="invalid_payload")
        return web.Response(text="ok")

    @pytest.mark.parametrize(
        ("status", "word", "expected"),
        [
            (200, b"ok", Delivered),
            (400, b"invalid_payload", Refused),
            (403, b"action_prohibited", Unauthorised),
            (404, b"no_service", Unauthorised),
            (404, b"no_active_hooks", Unauthorised),
            (404, b"channel_not_found", Unauthorised),
            (410, b"channel_is_archived", Unauthorised),
            (500, b"rollup_error", Retry),
            (429, b"rate_limited", Retry),
        ],
    )
    def test_a_word_says_whose_fault_it_is(self, status: int, word: bytes, expected: type) -> None:
        assert type(self.answered(word, status)) is expected

    def test_blocks_of_the_mapping_are_sent_as_they_are(self) -> None:
        blocks = {"blocks": [{"type": "divider"}]}
        assert json.loads(self.body_of({"body": blocks})) == blocks

    def test_without_a_text_nothing_is_sent(self) -> None:
        for fields in ({}, {"text": " "}, {"text": {"a": 1}}, {"body": "no"}):
            outcome = self.outcome_of(fields)
            assert isinstance(outcome, Refused), outcome
            assert outcome.reason == "unmappable"


def test_what_a_person_wrote_calls_nobody() -> None:
    hostile = "<!channel> <@U024BE7LH> & <https://evil.example|click>"
    plain = body_of(Slack(URL), {"text": hostile})["text"]
    assert plain == "&lt;!channel&gt; &lt;@U024BE7LH&gt; &amp; &lt;https://evil.example|click&gt;"
    marked = str(body_of(Slack(URL, format="markdown"), {"text": hostile})["text"])
    assert "<!" not in marked
    assert "<@" not in marked
    assert body_of(Slack(URL, format="markdown", mentions=True), {"text": hostile})["text"] == hostile
