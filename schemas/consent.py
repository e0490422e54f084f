"""Consent: what a person has said about being sent things, by purpose and channel, and whether that allows a delivery.

Pure. Learning it from events is left to `streams.fold.consent`, the purposes to `definitions/consent.yaml`. What the
words mean, and which statement counts where several do: docs/decisions/0043.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

import msgspec

Status: TypeAlias = Literal["granted", "denied", "unknown"]
Default: TypeAlias = Literal["opt_in", "opt_out"]
Answer: TypeAlias = Literal["granted", "denied", "unknown", "allowed"]
"""What may be asked of a purpose: its status, or whether something may be sent."""

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

    def applying(self, purpose: str, channel: str, carrier: str = "") -> Iterator["Said"]:
        """Yield the statements that are about a purpose and a channel, with their own: the narrowest first.

        `carrier`: a wider channel, of which only denials are about this one.
        """
        for said_purpose in dict.fromkeys((purpose, ALL)):
            by_channel = self.statements.get(said_purpose, {})
            for said_channel in dict.fromkeys((channel, carrier, ALL)):
                said = by_channel.get(said_channel)
                if said is not None and (said_channel != carrier or said.status == "denied"):
                    yield said_purpose, said_channel, said


Said: TypeAlias = tuple[str, str, ConsentStatement]
"""A statement with the purpose and the channel that it is of."""

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


def objection(
    state: ConsentState, purpose: str, channel: str, defaults: Mapping[str, Default], carrier: str = ""
) -> str | None:
    """Return what a person's consent has against a delivery, as people read it; None if it may be sent.

    `purpose`: ALL for what names none. `channel`: empty for what has none. `defaults`: by purpose that is defined, what
    holds of whoever has said nothing; of ALL, opt-out. A denial stands, unless a narrower grant is later; a broad grant
    lifts no narrow denial. What was never said is as the default has it. `carrier`: another channel, of which this one
    is a part: who denies that is not sent to either, but a grant of it is none of this one.
    """
    channel = channel or ALL
    default = "opt_out" if purpose == ALL else defaults.get(purpose)
    if default is None:
        return f"no purpose {purpose!r} is defined"
    applying = list(state.applying(purpose, channel, carrier))
    denial = _standing_denial(applying, carrier)
    if denial is not None:
        return statement_in_words(*denial)
    if default == "opt_out" or _is_granted(applying):
        return None
    by = "" if channel == ALL else f" by {channel}"
    return f"{purpose}{by} needs a consent that was never given"


def is_allowed(state: ConsentState, purpose: str, channel: str, defaults: Mapping[str, Default]) -> bool:
    """Return whether a person's consent allows a delivery for a purpose on a channel, as `objection`."""
    return objection(state, purpose, channel, defaults) is None


def status_of(state: ConsentState, purpose: str, channel: str) -> Status:
    """Return what all that was said comes to for a purpose on a channel (empty: on every one), whatever its default.

    Denied if a denial stands, as for `objection`; else granted if anything was granted; else unknown.
    """
    applying = list(state.applying(purpose, channel or ALL))
    if _standing_denial(applying) is not None:
        return "denied"
    return "granted" if _is_granted(applying) else "unknown"


def is_answer(answer: Answer, state: ConsentState, purpose: str, channel: str, defaults: Mapping[str, Default]) -> bool:
    """Return whether an answer is right for a purpose on a channel (empty: on every one)."""
    if answer == "allowed":
        return is_allowed(state, purpose, channel, defaults)
    return status_of(state, purpose, channel) == answer


def statement_in_words(purpose: str, channel: str, statement: ConsentStatement) -> str:
    """Return what a statement is about and says; either may be ALL."""
    what = "everything" if purpose == ALL else purpose
    where = "" if channel == ALL else f" by {channel}"
    why = f" ({statement.reason})" if statement.reason else ""
    return f"{what}{where} is {statement.status}{why}"


def _standing_denial(applying: list[Said], carrier: str = "") -> Said | None:
    """Return the narrowest denial that no later grant of a part of it lifts; None if there is none."""
    denials = (
        said
        for number, said in enumerate(applying)
        if said[2].status == "denied" and not _is_lifted(applying, number, carrier)
    )
    return next(denials, None)


def _is_granted(applying: list[Said]) -> bool:
    return any(statement.status == "granted" for _, _, statement in applying)


def is_part(purpose: str, channel: str, wide_purpose: str, wide_channel: str) -> bool:
    """Return whether a purpose and channel are a part of other ones, and not the same; each may be ALL."""
    is_within = wide_purpose in {purpose, ALL} and wide_channel in {channel, ALL}
    return is_within and (purpose, channel) != (wide_purpose, wide_channel)


def _is_lifted(applying: list[Said], number: int, carrier: str) -> bool:
    """Return whether a grant for a part of what a denial is about came later than the denial."""
    purpose, channel, denial = applying[number]
    return any(
        grant.status == "granted"
        and grant.since > denial.since
        and is_part(granted_purpose, granted_channel, purpose, _wide(channel, carrier, granted_channel))
        for granted_purpose, granted_channel, grant in applying
    )


def _wide(channel: str, carrier: str, granted_channel: str) -> str:
    """Return the channel of a denial, as a grant's sees it: to what it carries, a carrier is what ALL is."""
    return ALL if channel == carrier and granted_channel != ALL else channel
