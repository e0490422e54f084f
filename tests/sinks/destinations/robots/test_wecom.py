"""WeCom's robots, against a server that checks sizes and answers as WeCom's documentation says."""

import json

import pytest
from aiohttp import web

from definitions.receivers.wecom import WeCom
from sinks.destinations.contract import Delivered, Refused, Retry, Unauthorised
from sinks.destinations.robots.robot import Robot
from sinks.destinations.wecom import body_of, wecom_robot
from tests.sinks.destinations.robots.contract import URL, RobotContract


class TestWeCom(RobotContract):
    def robot(self, timeout_s: float, *, allow_private: bool) -> Robot:
        return wecom_robot(WeCom(URL, allow_private=allow_private), timeout_s)

    async def accept(self, request: web.Request) -> web.StreamResponse:
        if request.query["token"] != self.SECRET:
            return web.json_response({"errcode": 93000, "errmsg": "invalid webhook url"})
        said = json.loads(await request.read())
        if len(said[said["msgtype"]]["content"].encode()) > {"text": 2048, "markdown": 4096}[said["msgtype"]]:
            return web.json_response({"errcode": 40058, "errmsg": "content exceed max length"})
        return web.json_response({"errcode": 0, "errmsg": "ok"})

    @pytest.mark.parametrize(
        ("code", "expected"),
        [(0, Delivered), (45009, Retry), (-1, Retry), (93000, Unauthorised), (40058, Refused), (True, Retry)],
    )
    def test_a_code_within_a_200_is_an_error(self, code: int, expected: type) -> None:
        assert type(self.answered(json.dumps({"errcode": code, "errmsg": "why"}).encode())) is expected

    def test_a_message_that_is_too_long_has_the_code_of_a_wrong_address(self) -> None:
        assert isinstance(
            self.answered(b'{"errcode": 93000, "errmsg": "invalid webhook url, hint: [1]"}'), Unauthorised
        )
        long = b'{"errcode": 93000, "errmsg": "Invalid input : content exceed max length. invalid Request Parameter"}'
        assert isinstance(self.answered(long), Refused)

    def test_a_text_over_the_limit_is_not_sent(self) -> None:
        assert isinstance(self.outcome_of({"text": "字" * 682}), Delivered)
        outcome = self.outcome_of({"text": "字" * 683})
        assert isinstance(outcome, Refused), outcome


def test_what_a_person_wrote_calls_nobody() -> None:
    assert "<@" not in str(body_of(WeCom(URL, format="markdown"), {"text": "<@zhangsan>"}))
    assert "<@" in str(body_of(WeCom(URL, format="markdown", mentions=True), {"text": "<@zhangsan>"}))
