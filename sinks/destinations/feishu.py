"""Feishu (Lark): messages of a custom robot of a group.

Source: https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot, as of November 2026: the signature, 20 KB,
100 messages a minute and 5 a second, and the codes 9499, 11232, 19021, 19022 and 19024. That 19001 is an address of
no robot and 19002 a message in no form, that 9499 may also be a limit, and 2200 a failure, is said by users of the
service alone (github.com/openclaw/openclaw/issues/70879 of 2200). A message of an equal key is not known again: one
whose answer was lost appears twice.
"""

import base64
import hmac
import time
from collections.abc import Callable, Mapping

from definitions.receivers.feishu import Feishu
from sinks.destinations.contract import Exchange, Outcome, Retry
from sinks.destinations.robots.codes import Codes, meaning
from sinks.destinations.robots.robot import Message, Robot
from sinks.destinations.robots.texts import said_of, without_calls
from sinks.destinations.secrets import resolve

MAX_BODY_BYTES = 20_000

BAD_REQUEST = 9499
"""A message in no form of the robot's, or too many of them: the text says which."""

CODES = Codes(
    "code",
    "msg",
    throttled={11232: None, 11233: None},
    busy=frozenset({2200}),
    unauthorised=frozenset({19001, 19021, 19022}),  # no such robot, its signature, its list of addresses
)


def feishu_robot(options: Feishu, timeout_s: float, now_s: Callable[[], float] = time.time) -> Robot:
    """Return a robot of Feishu. Raises MissingSecret, BadOption. `now_s`: the time since 1970, in s."""
    secret = None if options.secret is None else resolve(options.secret)

    def message(url: str, fields: Mapping[str, object]) -> Message:
        body = body_of(options, fields)
        if secret is not None:
            timestamp = str(int(now_s()))
            body = {"timestamp": timestamp, "sign": signature(timestamp, secret), **body}
        return url, body

    return Robot(
        options.url,
        message,
        meaning(CODES, _too_many),
        timeout_s,
        largest=MAX_BODY_BYTES,
        hidden=[secret] if secret else [],
        allow_private=options.allow_private,
    )


def _too_many(code: int, text: str, exchange: Exchange) -> Outcome | None:
    if code == BAD_REQUEST and "too many" in text.lower():
        return Retry("throttled", f"answered code {code}: too many requests", exchange=exchange)
    return None


def signature(timestamp: str, secret: str) -> str:
    """Return what signs a request: the time and the secret are the key, the message is empty."""
    return base64.b64encode(hmac.digest(f"{timestamp}\n{secret}".encode(), b"", "sha256")).decode()


def body_of(options: Feishu, fields: Mapping[str, object]) -> Mapping[str, object]:
    """Return what is sent, but for the signature. Raises Unsayable."""
    said = said_of(fields)
    if said.body is not None:
        return said.body
    text = said.text if options.mentions else without_calls(said.text, ("<at",))
    if options.format == "markdown":
        header = {"header": {"title": {"tag": "plain_text", "content": said.title}}} if said.title else {}
        return {"msg_type": "interactive", "card": {**header, "elements": [{"tag": "markdown", "content": text}]}}
    if said.title:
        post = {"title": said.title, "content": [[{"tag": "text", "text": said.text}]]}
        return {"msg_type": "post", "content": {"post": {"zh_cn": post}}}
    return {"msg_type": "text", "content": {"text": text}}
