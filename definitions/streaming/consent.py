"""What one event says about being sent things, by the rules of `consent.yaml`. Pure; what counts is the fold's.

Sources of the forms: https://segment.com/docs/privacy/consent-management/consent-in-segment-connect/ and
https://segment.com/docs/connections/spec/email/.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

import msgspec

from definitions.consent import ConsentRules
from schemas.bouncing import EMAIL_BOUNCED
from schemas.consent import ALL, PREFERENCE_UPDATED, Status
from schemas.records import Event

MAX_TEXT = 100
"""Of a text's version and of a reason; what is longer is cut."""
MAX_SPEAKS_FOR = 1_000
UNDEFINED = ""
"""In the place of a purpose: one that is not defined."""
_CONSENT = '"consent"'
_EMAIL_EVENTS: Mapping[str, str] = {
    "Unsubscribed": "unsubscribed",
    "Email Marked as Spam": "marked_as_spam",
    EMAIL_BOUNCED: "hard_bounce",
}
_SOFT = frozenset({"soft", "transient", "temporary", "deferred"})
_BOUNCE_TYPE = ("bounce_type", "bounceType", "type")
_STATUSES: Mapping[object, Status] = {
    True: "granted",
    False: "denied",
    "granted": "granted",
    "denied": "denied",
    "unknown": "unknown",
}

_decode = msgspec.json.Decoder(dict[str, object]).decode


def consent_for(purpose: str) -> str:
    """Return the name under which definitions read what was said for a purpose, or for ALL."""
    return f"consent {purpose}"


class SaidInEvent(NamedTuple):
    """That an event says something for a purpose and a channel; either may be ALL."""

    purpose: str
    channel: str
    status: Status
    text: str = ""
    reason: str = ""


class ConsentInEvent(NamedTuple):
    """What an event says, and what of it says nothing: by its purpose, UNDEFINED for one that is not defined."""

    said: tuple[SaidInEvent, ...] = ()
    unread: tuple[str, ...] = ()


NOTHING_SAID = ConsentInEvent()


class CompiledConsent:
    """Reads what an event says: in `context.consent`, by its name, and by the traits of an identify call."""

    __slots__ = ("_categories", "_channels", "_traits", "defaults", "is_defined")

    def __init__(self, rules: ConsentRules) -> None:
        self.is_defined = bool(rules.purposes)
        self.defaults = rules.defaults
        self._categories = dict(rules.by_category)
        self._channels = frozenset((*rules.channels, ALL))
        self._traits = rules.traits

    def said_in(self, event: Event) -> tuple[SaidInEvent, ...]:
        """Return what an event says; () for nearly all. What is malformed, or names nothing defined, says nothing."""
        return self.read(event).said

    def read(self, event: Event) -> ConsentInEvent:
        """Return what an event says, and what it says in vain, such as a misspelt value or channel."""
        found: list[SaidInEvent | str] = []
        if _CONSENT in event.context:
            found += self._in_context(event)
        if event.type == "track" and (reason := _EMAIL_EVENTS.get(event.event or "")) is not None:
            found += self._by_name(event, reason)
        if self._traits and event.type == "identify":
            found += self._in_traits(_object(event.traits))
        if not found:
            return NOTHING_SAID
        said = tuple(each for each in found if not isinstance(each, str))
        return ConsentInEvent(said, tuple(each for each in found if isinstance(each, str)))

    def speaks_for(self, event: Event) -> tuple[str, ...]:
        """Return the identifiers that an event speaks for: its own, and those of the person that it lists."""
        own = [str(identifier) for identifier in event.identifiers]
        if event.event == PREFERENCE_UPDATED and '"speaks_for"' in event.properties:
            listed = _object(event.properties).get("speaks_for")
            if isinstance(listed, list):
                own += (each for each in listed[:MAX_SPEAKS_FOR] if isinstance(each, str))
        return tuple(dict.fromkeys(own))

    def _in_context(self, event: Event) -> Iterator[SaidInEvent | str]:
        """Yield what is said; in its place, where it says nothing, the purpose."""
        consent = _object(event.context).get("consent")
        if not isinstance(consent, dict):
            return
        text, reason = _cut(consent.get("text")), _cut(consent.get("reason"))
        for name, value in _members(consent.get("categoryPreferences")):
            if name in self._categories:  # consent managers have more of them than anything is sent for
                yield self._of_value(name, ALL, value, text, reason)
        for name, value in _members(consent.get("purposes")):
            for channel, of_channel in _members(value) if isinstance(value, dict) else [(ALL, value)]:
                yield self._of_value(name, channel, of_channel, text, reason)

    def _of_value(self, name: str, channel: str, value: object, text: str, reason: str) -> SaidInEvent | str:
        purpose = self._categories.get(name, UNDEFINED)
        status = _STATUSES.get(value) if isinstance(value, bool | str) else None
        if purpose == UNDEFINED or status is None or channel not in self._channels:
            return purpose
        return SaidInEvent(purpose, channel, status, text, reason)

    def _by_name(self, event: Event, reason: str) -> Iterator[SaidInEvent]:
        """Yield the denial that an event of mails is: of a purpose that it names, else of every one."""
        properties = _object(event.properties)
        if reason == "hard_bounce" and any(_is_soft(properties.get(key)) for key in _BOUNCE_TYPE):
            return
        channel, purpose = properties.get("channel"), properties.get("purpose")
        named_channel = channel if isinstance(channel, str) and channel in self._channels else "email"
        named_purpose = self._categories.get(purpose, ALL) if isinstance(purpose, str) else ALL
        if reason != "unsubscribed":
            named_purpose = ALL
        yield SaidInEvent(named_purpose, named_channel, "denied", _cut(properties.get("text")), reason)

    def _in_traits(self, traits: Mapping[str, object]) -> Iterator[SaidInEvent | str]:
        """Yield what traits say by their values; another value says nothing, in vain where it should be a boolean."""
        for each in self._traits:
            value = traits.get(each.trait)
            if isinstance(value, bool) is not isinstance(each.equals, bool):
                if isinstance(each.equals, bool) and value is not None:
                    yield each.purpose
            elif value == each.equals:
                yield SaidInEvent(each.purpose, each.channel, each.says, reason=f"trait {each.trait}"[:MAX_TEXT])


def _object(text: str) -> dict[str, object]:
    try:
        return _decode(text)
    except (ValueError, RecursionError):
        return {}


def _members(value: object) -> list[tuple[str, object]]:
    return list(cast("dict[str, object]", value).items()) if isinstance(value, dict) else []


def _cut(value: object) -> str:
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def _is_soft(value: object) -> bool:
    return isinstance(value, str) and value.lower() in _SOFT
