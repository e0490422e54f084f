"""What `consent.yaml` says: the purposes and channels of sending, and which events say yes or no to them. Pure.

What a person has said is remembered by `streams.fold.consent`; whether it allows a delivery is `schemas.consent`'s.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

import msgspec

from schemas.consent import ALL, Default

CHANNELS = ("email", "sms", "push", "chat", "ads")
"""The channels of a file that names none."""


class Purpose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What something is sent for. `default`: what holds of whoever has said nothing.

    `text`: the version of the text that people read now, for statements that are made here: by the API, by a link.
    """

    name: str
    title: str = ""
    default: Default = "opt_in"
    text: str = ""


class SaidByTrait(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That an identify call whose trait has a value says yes or no: a column of an import, mostly."""

    trait: str
    equals: str | int | float | bool = True
    says: Literal["granted", "denied"] = "denied"
    purpose: str = ALL
    channel: str = ALL


class ConsentRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """Everything that `consent.yaml` defines; without it there is no purpose, and what is about everything counts.

    `categories`: names of a consent manager, each with the purpose that it stands for.
    """

    purposes: tuple[Purpose, ...] = ()
    channels: tuple[str, ...] = CHANNELS
    categories: tuple[tuple[str, str], ...] = ()
    traits: tuple[SaidByTrait, ...] = ()

    @cached_property
    def defaults(self) -> Mapping[str, Default]:
        """What holds of whoever has said nothing, by purpose."""
        return {purpose.name: purpose.default for purpose in self.purposes}

    @cached_property
    def by_category(self) -> Mapping[str, str]:
        """The purpose that a name stands for: a category's, or its own."""
        return {ALL: ALL, **{name: name for name in self.defaults}, **dict(self.categories)}

    def text_of(self, purpose: str) -> str:
        """Return the version of a purpose's text; empty if it has none."""
        return next((each.text for each in self.purposes if each.name == purpose), "")


NO_RULES = ConsentRules()
RULES_FILE = "consent.yaml"
