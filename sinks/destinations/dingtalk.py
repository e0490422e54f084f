"""DingTalk: messages of a custom robot of a group.

Source: https://open.dingtalk.com/document/orgapp/custom-robots-send-group-messages and its pages on the signature and
on error codes, as of November 2026. The texts of 310000 are English or Chinese
(github.com/zhuifengshen/DingtalkChatbot/issues/44, github.com/qd-today/qd/issues/510). 40035 without a token and
90030 (the webhook's quota) are known from users of the service alone. A message of an equal key is not known again:
one whose answer was lost appears twice.
"""

import base64
import hmac
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote

from definitions.receivers.dingtalk import DingTalk
from sinks.destinations.contract import Exchange, Outcome, Refused, Unauthorised
from sinks.destinations.robots.codes import Codes, meaning
from sinks.destinations.robots.robot import Message, Robot
from sinks.destinations.robots.texts import said_of
from sinks.destinations.secrets import resolve

MAX_BODY_BYTES = 20_000
THROTTLED_MS = 10 * 60_000
"""A robot that sends more than 20 messages a minute is not heard for so long."""
NOT_PASSED = 310000
"""One of the robot's checks: of its signature, of its list of addresses, of words that a message must have."""

LACKING = 40035
"""Something is missing: a part of the message, or the token in the address."""
_WORDS_MISSING = ("keyword", "关键词")

CODES = Codes(
    "errcode",
    "errmsg",
    throttled={130101: THROTTLED_MS, 302033: THROTTLED_MS, 410100: THROTTLED_MS, 90030: None},
    busy=frozenset({-1}),
    unauthorised=frozenset({300001, 300005, 400013, 400101, 400102, 400106}),  # no such robot, group or token
)


def dingtalk_robot(options: DingTalk, timeout_s: float, now_s: Callable[[], float] = time.time) -> Robot:
    """Return a robot of DingTalk. Raises MissingSecret, BadOption. `now_s`: the time since 1970, in s."""
    secret = None if options.secret is None else resolve(options.secret)

    def message(url: str, fields: Mapping[str, object]) -> Message:
        return url if secret is None else signed(url, int(now_s() * 1000), secret), body_of(options, fields)

    return Robot(
        options.url,
        message,
        meaning(CODES, _not_passed),
        timeout_s,
        largest=MAX_BODY_BYTES,
        hidden=[secret] if secret else [],
        allow_private=options.allow_private,
    )


def signed(url: str, timestamp_ms: int, secret: str) -> str:
    """Return an address with the signature of a time."""
    digest = hmac.digest(secret.encode(), f"{timestamp_ms}\n{secret}".encode(), "sha256")
    sign = quote(base64.b64encode(digest).decode(), safe="")
    return f"{url}{'&' if '?' in url else '?'}timestamp={timestamp_ms}&sign={sign}"


def body_of(options: DingTalk, fields: Mapping[str, object]) -> Mapping[str, object]:
    """Return what is sent. Raises Unsayable. Calls nobody: DingTalk asks for those in a key of its own."""
    said = said_of(fields)
    if said.body is not None:
        return said.body
    if options.format == "markdown":
        title = said.title or said.text.splitlines()[0][:100]
        return {"msgtype": "markdown", "markdown": {"title": title, "text": said.text}}
    text = f"{said.title}\n{said.text}" if said.title else said.text
    return {"msgtype": "text", "text": {"content": text}}


def _not_passed(code: int, text: str, exchange: Exchange) -> Outcome | None:
    if code == LACKING and "access_token" in text:
        return Unauthorised(f"answered errcode {code}: the address has no token", exchange)
    if code != NOT_PASSED:
        return None
    if any(word in text.lower() for word in _WORDS_MISSING):
        return Refused("rejected", "the message has none of the words that the robot asks for", exchange)
    return Unauthorised(f"answered errcode {code}: the signature or the sender's address", exchange)
