"""DingTalk's robots, against a server that checks signatures and answers as DingTalk's documentation says."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

import pytest
from aiohttp import web

from definitions.receivers.dingtalk import DingTalk
from definitions.receivers.values import Secret
from sinks.destinations.contract import Delivered, Refused, Retry, Unauthorised
from sinks.destinations.dingtalk import THROTTLED_MS, dingtalk_robot
from sinks.destinations.robots.robot import Robot
from tests.sinks.destinations.robots.contract import NOW_S, URL, RobotContract

SIGNING = "SEC0123456789abcdef0123456789abcdef"


class TestDingTalk(RobotContract):
    @pytest.fixture(autouse=True)
    def _signing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SIGNING", SIGNING)

    def robot(self, timeout_s: float, *, allow_private: bool) -> Robot:
        options = DingTalk(URL, Secret(env="SIGNING"), allow_private=allow_private)
        return dingtalk_robot(options, timeout_s, lambda: NOW_S)

    async def accept(self, request: web.Request) -> web.StreamResponse:
        timestamp = request.query["timestamp"]
        digest = hmac.new(SIGNING.encode(), f"{timestamp}\n{SIGNING}".encode(), hashlib.sha256).digest()
        if request.query["sign"] != base64.b64encode(digest).decode() or int(timestamp) != NOW_S * 1000:
            return web.json_response({"errcode": 310000, "errmsg": "description:sign not match"})
        if request.query["token"] != self.SECRET:
            return web.json_response({"errcode": 300005, "errmsg": "token is not exist"})
        said = json.loads(await request.read())
        if said["msgtype"] == "markdown" and not said["markdown"]["title"]:
            return web.json_response({"errcode": 40035, "errmsg": "param error"})
        return web.json_response({"errcode": 0, "errmsg": "ok"})

    @pytest.mark.parametrize(
        ("code", "text", "expected"),
        [
            (0, "ok", Delivered),
            (310000, "keywords not in content", Refused),
            (310000, "description:关键词不匹配;solution:请联系群管理员", Refused),
            (310000, "sign not match", Unauthorised),
            (310000, "description:机器人发送签名不匹配;solution:请确认签名", Unauthorised),
            (40035, "缺少参数 access_token", Unauthorised),
            (40035, "缺少参数 json", Refused),
            (90030, "webhook over limit", Retry),
            (300005, "token is not exist", Unauthorised),
            (-1, "system busy", Retry),
            (430102, "不合适文本", Refused),
        ],
    )
    def test_a_code_within_a_200_is_an_error(self, code: int, text: str, expected: type) -> None:
        assert type(self.answered(json.dumps({"errcode": code, "errmsg": text}).encode())) is expected

    @pytest.mark.parametrize("code", [130101, 302033, 410100])
    def test_a_throttled_robot_is_left_alone_for_ten_minutes(self, code: int) -> None:
        outcome = self.answered(json.dumps({"errcode": code, "errmsg": "send too fast"}).encode())
        assert isinstance(outcome, Retry), outcome
        assert (outcome.reason, outcome.after_ms) == ("throttled", THROTTLED_MS)

    def test_another_secret_is_not_accepted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SIGNING", "another-one")
        assert isinstance(self.sent_once(self.accept), Unauthorised)


class TestMarkdown(TestDingTalk):
    def robot(self, timeout_s: float, *, allow_private: bool) -> Robot:
        options = DingTalk(URL, Secret(env="SIGNING"), format="markdown", allow_private=allow_private)
        return dingtalk_robot(options, timeout_s, lambda: NOW_S)

    @pytest.mark.parametrize("fields", [{"text": "# a\nb"}, {"text": "a", "title": "b"}])
    def test_it_always_has_a_title(self, fields: Mapping[str, object]) -> None:
        assert isinstance(self.outcome_of(fields), Delivered)
