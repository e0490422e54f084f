"""The identifier or the profile that somebody queries, in the spelling under which it is kept."""

import re
from functools import cache
from pathlib import Path

import definitions
from definitions import DefinitionErrors
from identity.normalise import normalise, why_unusable
from identity.rules import MAX_NAMESPACE_LENGTH, MAX_VALUE_LENGTH, IdentityRules
from runtime.errors import TerminalError
from schemas.records import Identifier


class InvalidIdentifier(ValueError):
    """The text is no identifier; the message says what is expected."""


_SHOWN = 60  # of a text that is none
_PROFILE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def queried_profile_id(text: str) -> str | None:
    """Return the profile id that a text is; None for one that is none, such as an identifier."""
    return text.lower() if _PROFILE_ID.fullmatch(text) else None


def queried_identifier(text: str, folder: Path | None, *, alternative: str = "") -> Identifier:
    """Read `NAMESPACE:VALUE`, normalised by the rules of a folder of definitions, or as it is where they refuse it.

    `alternative`: what else may be queried, for the message. Raises InvalidIdentifier, and TerminalError when the rules
    cannot be read.
    """
    identifier = read_identifier(text, alternative)
    normalised = normalise(identity_rules(folder), identifier)
    return normalised if isinstance(normalised, Identifier) else identifier


def unusable_reason(text: str, folder: Path | None) -> str:
    """Return why what was queried is unusable as an identifier; empty if it is not. Raises as `queried_identifier`."""
    if queried_profile_id(text) is not None:
        return ""
    return why_unusable(identity_rules(folder), queried_identifier(text, folder))


def read_identifier(text: str, alternative: str = "") -> Identifier:
    """Read `NAMESPACE:VALUE`, where the value may hold colons itself. Raises InvalidIdentifier."""
    namespace, separator, value = text.partition(":")
    if not (namespace and separator and value):
        is_id = queried_profile_id(text) is not None
        sent = "a profile id: the profile shows its identifiers" if is_id else _short(text)
        raise InvalidIdentifier(f"expected {alternative}NAMESPACE:VALUE such as user_id:42, not {sent}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidIdentifier(f"{_short(text)} is not valid Unicode") from None
    for part, name, longest in ((namespace, "namespace", MAX_NAMESPACE_LENGTH), (value, "value", MAX_VALUE_LENGTH)):
        if len(part) > longest:
            raise InvalidIdentifier(f"a {name} has at most {longest} characters, not {len(part):,}: {_short(text)}")
    return Identifier(namespace, value)


def _short(text: str) -> str:
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."


@cache
def identity_rules(folder: Path | None) -> IdentityRules:
    """Read the rules of identity that a folder of definitions holds. Raises TerminalError when they cannot be read."""
    try:
        return definitions.load(folder).identity
    except DefinitionErrors as errors:
        raise TerminalError(f"the definitions in {folder} cannot be read: {errors}") from errors
