"""WeCom (WeChat Work): messages of a robot of a group.

Source: https://developer.work.weixin.qq.com/document/path/91770 (20 messages a minute, 2,048 and 4,096 bytes) and its
page on error codes, as of November 2026. That 93000 is also the code of a message that is too long or in no form is
known from answers that users of the service have published alone. A message of an equal key is not known again: one
whose answer was lost appears twice.
"""

from collections.abc import Mapping

from definitions.receivers.wecom import WeCom
from sinks.destinations.contract import Exchange, Outcome, Refused
from sinks.destinations.robots.codes import Codes, meaning
from sinks.destinations.robots.robot import Robot
from sinks.destinations.robots.texts import Unsayable, said_of, without_calls

MAX_BODY_BYTES = 100_000
MAX_TEXT_BYTES, MAX_MARKDOWN_BYTES = 2_048, 4_096
THROTTLED_MS = 60_000
"""A robot may send 20 messages a minute."""

CODES = Codes(
    "errcode",
    "errmsg",
    throttled={45009: THROTTLED_MS, 45033: None},
    busy=frozenset({-1}),
    unauthorised=frozenset({40001, 93000, 93004, 93008}),  # no such key, switched off, not in the group
)
NO_SUCH_KEY = 93000
"""Also of a message: its text tells them apart."""
_ABOUT_THE_MESSAGE = ("exceed max length", "invalid request parameter", "invalid input")


def wecom_robot(options: WeCom, timeout_s: float) -> Robot:
    """Return a robot of WeCom. Raises MissingSecret, BadOption."""
    return Robot(
        options.url,
        lambda url, fields: (url, body_of(options, fields)),
        meaning(CODES, _about_the_message),
        timeout_s,
        largest=MAX_BODY_BYTES,
        allow_private=options.allow_private,
    )


def _about_the_message(code: int, text: str, exchange: Exchange) -> Outcome | None:
    if code == NO_SUCH_KEY and any(words in text.lower() for words in _ABOUT_THE_MESSAGE):
        return Refused(
            "rejected", f"answered errcode {code}: the message is too long or in no form of WeCom's", exchange
        )
    return None


def body_of(options: WeCom, fields: Mapping[str, object]) -> Mapping[str, object]:
    """Return what is sent. Raises Unsayable."""
    said = said_of(fields)
    if said.body is not None:
        return said.body
    is_markdown = options.format == "markdown"
    text = f"{'# ' if is_markdown else ''}{said.title}\n{said.text}" if said.title else said.text
    if is_markdown and not options.mentions:
        text = without_calls(text, ("<@",))
    size, most = len(text.encode()), MAX_MARKDOWN_BYTES if is_markdown else MAX_TEXT_BYTES
    if size > most:
        raise Unsayable(f"the text is {size} bytes long, WeCom takes {most}")
    kind = "markdown" if is_markdown else "text"
    return {"msgtype": kind, kind: {"content": text}}
