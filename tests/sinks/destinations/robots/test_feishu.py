"""Feishu's robots, against a server that checks signatures and answers as Feishu's documentation says."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

import pytest
from aiohttp import web

from definitions.receivers.feishu import Feishu
from definitions.receivers.values import Secret
from sinks.destinations.contract import Delivered, Refused, Retry, Unauthorised
from sinks.destinations.feishu import body_of, feishu_robot, signature
from sinks.destinations.robots.robot import Robot
from tests.sinks.destinations.robots.contract import NOW_S, URL, RobotContract

SIGNING = "FeishuSigningSecret0123"


class TestFeishu(RobotContract):
    @pytest.fixture(autouse=True)
    def _signing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SIGNING", SIGNING)

    def robot(self, timeout_s: float, *, allow_private: bool) -> Robot:
        options = Feishu(URL, Secret(env="SIGNING"), allow_private=allow_private)
        return feishu_robot(options, timeout_s, lambda: NOW_S)

    async def accept(self, request: web.Request) -> web.StreamResponse:
        said = json.loads(await request.read())
        key = f"{said['timestamp']}\n{SIGNING}".encode()
        expected = base64.b64encode(hmac.new(key, b"", digestmod=hashlib.sha256).digest()).decode()
        if said["sign"] != expected or abs(int(said["timestamp"]) - NOW_S) > 3_600:
            return web.json_response({"code": 19021, "msg": "sign match fail or timestamp is not within one hour"})
        if said["msg_type"] not in {"text", "post", "interactive"}:
            return web.json_response({"code": 9499, "msg": "Bad Request"})
        return web.json_response({"StatusCode": 0, "code": 0, "data": {}, "msg": "success"})

    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            (0, Delivered),
            (9499, Refused),
            (19024, Refused),
            (19021, Unauthorised),
            (19022, Unauthorised),
            (19001, Unauthorised),
            (19002, Refused),
            (11232, Retry),
            (2200, Retry),
        ],
    )
    def test_a_code_within_a_200_is_an_error(self, code: int, expected: type) -> None:
        assert type(self.answered(json.dumps({"code": code, "msg": "why"}).encode())) is expected

    def test_too_many_requests_have_the_code_of_a_bad_one(self) -> None:
        outcome = self.answered(b'{"code": 9499, "msg": "too many request", "data": {}}')
        assert isinstance(outcome, Retry), outcome
        assert outcome.reason == "throttled"

    def test_another_secret_is_not_accepted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SIGNING", "another-one")
        assert isinstance(self.sent_once(self.accept), Unauthorised)

    @pytest.mark.parametrize(
        "fields", [{"text": "a", "title": "b"}, {"body": {"msg_type": "interactive", "card": {}}}, {"text": "a"}]
    )
    def test_all_forms_are_signed_and_taken(self, fields: Mapping[str, object]) -> None:
        assert isinstance(self.outcome_of(fields), Delivered)

    def test_more_than_20_kb_are_not_sent(self) -> None:
        outcome = self.outcome_of({"text": "字" * 10_000})
        assert isinstance(outcome, Refused), outcome
        assert outcome.reason == "too_large"


def test_what_a_person_wrote_calls_nobody() -> None:
    hostile = '<at user_id="all">everyone</at>'
    assert "<at" not in str(body_of(Feishu(URL), {"text": hostile}))
    assert "<at" not in str(body_of(Feishu(URL, format="markdown"), {"text": hostile}))
    assert "<at" in str(body_of(Feishu(URL, mentions=True), {"text": hostile}))


def test_the_time_and_the_secret_are_the_key_of_the_signature() -> None:
    expected = base64.b64encode(hmac.new(b"1599360473\nsecret", b"", hashlib.sha256).digest()).decode()
    assert signature("1599360473", "secret") == expected
