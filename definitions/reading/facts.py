"""What facts of a session can be, as admission finds them: a value that none ever has is a slip."""

import re
from collections.abc import Mapping

from definitions.model import Comparison, Operator
from runtime.hints import did_you_mean

DEVICES = ("mobile", "tablet", "desktop", "tv", "console", "watch", "bot")
CHANNELS = (
    "direct", "cross-network", "affiliates", "display", "paid shopping", "paid search", "paid social", "paid video",
    "paid other", "email", "sms", "push", "audio", "organic shopping", "organic social", "organic video",
    "organic search", "ai assistant", "referral", "other",
)  # fmt: skip
"""Those that are built in; a workspace may have rules with others, so that only another spelling of one is wrong."""

_COUNTRY = re.compile("[A-Z]{2}")
_OF_WHOLE_VALUES = frozenset({Operator.EQUALS, Operator.NOT_EQUALS, Operator.IN, Operator.NOT_IN})
_COMMON: Mapping[str, str] = {
    "phone": "mobile", "smartphone": "mobile", "ios": "mobile", "android": "mobile", "pc": "desktop",
    "computer": "desktop", "laptop": "desktop", "web": "desktop", "television": "tv", "ipad": "tablet",
}  # fmt: skip


def wrong_fact(fact: str, comparison: Comparison) -> tuple[str, str] | None:
    """Return what is wrong with a value that a fact is compared with, and what to do; None if nothing is."""
    if comparison.operator not in _OF_WHOLE_VALUES:
        return None
    operands = comparison.operand if isinstance(comparison.operand, tuple) else (comparison.operand,)
    for value in operands:
        hint = _HINTS[fact](str(value)) if fact in _HINTS else ""
        if hint:
            return f"{fact!r} is never {value!r}", hint
    return None


def _device(value: str) -> str:
    if value in DEVICES:
        return ""
    usual = _COMMON.get(value.lower())
    return did_you_mean(value, DEVICES) if usual is None else f"did you mean {usual!r}?"


def _channel(value: str) -> str:
    spelt = " ".join(re.split("[ _-]+", value.lower().strip()))
    usual = next((channel for channel in CHANNELS if channel.replace("-", " ") == spelt and channel != value), None)
    return "" if usual is None else f"did you mean {usual!r}?"


def _country(value: str) -> str:
    if _COUNTRY.fullmatch(value):
        return ""
    capitals = value.upper()
    if _COUNTRY.fullmatch(capitals):
        return f"did you mean {capitals!r}?"
    return "the two capital letters of a country in ISO 3166-1, such as CN or DE"


_HINTS = {"device": _device, "channel": _channel, "country": _country}
