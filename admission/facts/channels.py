"""Groups ways to a page into channels; docs/guide/sending.md has the table. A workspace's own rules come first."""

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from functools import lru_cache
from typing import NamedTuple

from admission.facts.sites import Kind, site_named
from settings import ChannelRule

DIRECT = "direct"
OTHER = "other"
_CACHED_WAYS = 4_096

_PAID = re.compile(r".*cp.*|ppc|retargeting|paid.*")
_SHOP = re.compile(r"(?:.*[^a-df-z])?shop.*|.*shopping.*")
_DISPLAY = frozenset({"display", "banner", "expandable", "interstitial", "cpm", "native"})
_EMAIL = frozenset({"email", "e-mail", "e_mail", "e mail", "newsletter"})
_AFFILIATES = frozenset({"affiliate", "affiliates", "cps", "cpa", "partner"})
_SOCIAL = frozenset({"social", "social-network", "social-media", "sm", "social network", "social media"})
_PAID_CHANNELS: dict[Kind, str] = {
    "shopping": "paid shopping", "search": "paid search", "social": "paid social", "video": "paid video",
}  # fmt: skip
_CHANNELS: dict[Kind, str] = {
    "shopping": "organic shopping", "social": "organic social", "video": "organic video", "search": "organic search",
    "assistant": "ai assistant", "email": "email",
}  # fmt: skip


class Way(NamedTuple):
    """How somebody came to a page; empty texts for what is not known."""

    source: str = ""
    medium: str = ""
    campaign: str = ""
    referrer: str = ""


NO_WAY = Way()


def grouping(rules: Sequence[ChannelRule]) -> Callable[[Way], str]:
    """Return what names the channel of a way, by these rules and then by the built-in ones."""
    own = [(rule.channel, _matcher(rule)) for rule in rules]

    @lru_cache(maxsize=_CACHED_WAYS)
    def channel_of(way: Way) -> str:
        lowered = Way(*(part.lower() for part in way))
        return next((channel for channel, matches in own if matches(lowered)), None) or _built_in(lowered)

    return channel_of


def _built_in(way: Way) -> str:
    site = site_named(way.source)
    kind: Kind = site.kind if site else "none"
    if way == NO_WAY:
        return DIRECT
    if "cross-network" in way.campaign:
        return "cross-network"
    return _by_payment(way, kind) or _by_medium(way) or _by_site(way, kind)


def _by_payment(way: Way, kind: Kind) -> str | None:
    if way.medium in _AFFILIATES:
        return "affiliates"
    if not _PAID.fullmatch(way.medium):
        return "display" if way.medium in _DISPLAY else None
    if _SHOP.fullmatch(way.campaign):
        return "paid shopping"
    if kind in _PAID_CHANNELS:
        return _PAID_CHANNELS[kind]
    named = next((f"paid {word}" for word in ("social", "search", "video") if word in way.medium), "paid other")
    return "display" if way.medium in _DISPLAY else named


def _by_medium(way: Way) -> str | None:
    medium = way.medium
    if medium in _EMAIL or way.source in _EMAIL:
        return "email"
    if "sms" in {medium, way.source}:
        return "sms"
    if medium.endswith("push") or "notification" in medium or way.source == "firebase":
        return "push"
    return "audio" if medium == "audio" else None


def _by_site(way: Way, kind: Kind) -> str:
    if kind in _CHANNELS:
        return _CHANNELS[kind]
    if way.medium in _SOCIAL:
        return "organic social"
    if "video" in way.medium:
        return "organic video"
    if way.medium == "organic":
        return "organic search"
    return "referral" if way.referrer or way.medium in {"referral", "app", "link"} else OTHER


def _matcher(rule: ChannelRule) -> Callable[[Way], bool]:
    patterns = [
        (field, re.compile("|".join(translate(pattern.lower()) for pattern in getattr(rule, field))))
        for field in Way._fields
        if getattr(rule, field)
    ]
    return lambda way: all(pattern.match(getattr(way, field)) for field, pattern in patterns)
