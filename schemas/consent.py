"""Consent: what a person has said about being sent things, by purpose and channel, and whether that allows a delivery.

Pure. Learning it from events is left to `streams.fold.consent`, the purposes to `definitions/consent.yaml`. What the
words mean, and which statement counts where several do: docs/decisions/0043.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

import msgspec

Status: TypeAlias = Literal["granted", "denied", "unknown"]
Default: TypeAlias = Literal["opt_in", "opt_out"]

ALL = "all"
"""In the place of a purpose or a channel: every one. No purpose and no channel may be called so."""

PREFERENCE_UPDATED = "Consent Preference Updated"
"""The event that says what somebody has chosen. `properties.speaks_for` may list identifiers, NAMESPACE:VALUE, of the
same person: what those have said before counts no more."""

NO_CONSENT = "{}"
"""The JSON text of a state in which nothing was said."""


class ConsentStatement(msgspec.Struct, frozen=True, omit_defaults=True):
    """What counts for a purpose and a channel.

    `since`: when it was said last (ms), by the event `event` of `source`. `text`: the version of the text that the
    person has read; `reason`: such as `unsubscribed` or `hard_bounce`; both may be empty.
    """

    status: Status
    since: int
    event: str
    source: str
    text: str = ""
    reason: str = ""


class ConsentState(msgspec.Struct, frozen=True):
    """Everything a person has said: the statement by purpose, then by channel; either may be ALL."""

    statements: Mapping[str, Mapping[str, ConsentStatement]] = {}

    def applying(self, purpose: str, channel: str) -> Iterator[tuple[str, str, ConsentStatement]]:
        """Yield the statements that are about a purpose and a channel, with their own: the narrowest first."""
        for said_purpose in dict.fromkeys((purpose, ALL)):
            by_channel = self.statements.get(said_purpose, {})
            for said_channel in dict.fromkeys((channel, ALL)):
                if said_channel in by_channel:
                    yield said_purpose, said_channel, by_channel[said_channel]


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(dict[str, dict[str, ConsentStatement]]).decode


def encode_consent(state: ConsentState) -> str:
    """Return a state as JSON text, the same for equal states: {PURPOSE: {CHANNEL: {status, since, ...}}}."""
    return _encode(state.statements).decode()


def decode_consent(text: str) -> ConsentState:
    """Return the state that `encode_consent` has written; an empty one for "", as records before consent have it.

    Raises ValueError for another text.
    """
    return ConsentState(_decode(text)) if text else ConsentState()


def objection(state: ConsentState, purpose: str, channel: str, defaults: Mapping[str, Default]) -> str | None:
    """Return what a person's consent has against a delivery, as people read it; None if it may be sent.

    `channel`: empty for what has none. `defaults`: by purpose that is defined, what holds of whoever has said nothing.
    A denial stands, unless a narrower grant is later; a broad grant lifts no narrow denial. What was never said is as
    the default has it.
    """
    channel = channel or ALL
    default = defaults.get(purpose)
    if default is None:
        return f"no purpose {purpose!r} is defined"
    applying = list(state.applying(purpose, channel))
    for number, (said_purpose, said_channel, statement) in enumerate(applying):
        if statement.status == "denied" and not _is_lifted(applying, number):
            return _in_words(said_purpose, said_channel, statement)
    if any(statement.status == "granted" for _, _, statement in applying) or default == "opt_out":
        return None
    by = "" if channel == ALL else f" by {channel}"
    return f"{purpose}{by} needs a consent that was never given"


def is_allowed(state: ConsentState, purpose: str, channel: str, defaults: Mapping[str, Default]) -> bool:
    """Return whether a person's consent allows a delivery for a purpose on a channel, as `objection`."""
    return objection(state, purpose, channel, defaults) is None


def _is_lifted(applying: list[tuple[str, str, ConsentStatement]], number: int) -> bool:
    """Return whether a grant for a part of what a denial is about came later than the denial."""
    purpose, channel, denial = applying[number]
    return any(
        grant.status == "granted"
        and grant.since > denial.since
        and (granted_purpose, granted_channel) != (purpose, channel)
        and purpose in {granted_purpose, ALL}
        and channel in {granted_channel, ALL}
        for granted_purpose, granted_channel, grant in applying
    )


def _in_words(purpose: str, channel: str, statement: ConsentStatement) -> str:
    what = "everything" if purpose == ALL else purpose
    where = "" if channel == ALL else f" by {channel}"
    why = f" ({statement.reason})" if statement.reason else ""
    return f"{what}{where} is denied{why}"
