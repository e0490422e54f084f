"""How the facts of a workspace's events are parsed: a section of the workspaces file."""

from typing import Literal

import msgspec

FactParser = Literal["campaign", "referrer", "channel", "page", "agent", "bot", "place"]


class ChannelRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One channel of the workspace's own: it holds where each field that is listed matches one of its patterns.

    Patterns are compared in lower case, `*` stands for any characters.
    """

    channel: str
    source: tuple[str, ...] = ()
    medium: tuple[str, ...] = ()
    campaign: tuple[str, ...] = ()
    referrer: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for a rule that would hold for everybody."""
        if not (self.source or self.medium or self.campaign or self.referrer):
            raise ValueError(f"channel {self.channel!r} says no source, medium, campaign or referrer")


class FactSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is parsed, and what the workspace says itself.

    `off`: parsers that do nothing. `own_domains`: domains that are no referrer, beside that of the page itself.
    `channels`: rules that come before the built-in ones. `places`: path of a MaxMind DB file that is asked instead of
    the shipped data. `regions`: path of an ip2region file (.xdb), which knows Chinese provinces.
    """

    off: tuple[FactParser, ...] = ()
    own_domains: tuple[str, ...] = ()
    channels: tuple[ChannelRule, ...] = ()
    places: str = ""
    regions: str = ""
