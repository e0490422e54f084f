"""The identifier or the profile that somebody queries, in the spelling under which it is kept."""

import re
from functools import cache
from pathlib import Path

import definitions
from definitions import DefinitionErrors
from identity.normalise import normalise
from identity.rules import IdentityRules
from runtime.errors import TerminalError
from schemas.records import Identifier


class InvalidIdentifier(ValueError):
    """The text is no identifier; the message says what is expected."""


_PROFILE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def queried_profile_id(text: str) -> str | None:
    """Return the profile id that a text is; None for one that is none, such as an identifier."""
    return text.lower() if _PROFILE_ID.fullmatch(text) else None


def queried_identifier(text: str, folder: Path | None) -> Identifier:
    """Read `NAMESPACE:VALUE`, normalised by the rules of a folder of definitions, or as it is where they refuse it.

    Raises InvalidIdentifier, and TerminalError when the rules cannot be read.
    """
    identifier = read_identifier(text)
    normalised = normalise(identity_rules(folder), identifier)
    return normalised if isinstance(normalised, Identifier) else identifier


def read_identifier(text: str) -> Identifier:
    """Read `NAMESPACE:VALUE`, where the value may hold colons itself. Raises InvalidIdentifier."""
    namespace, separator, value = text.partition(":")
    if not (namespace and separator and value):
        raise InvalidIdentifier(f"expected NAMESPACE:VALUE such as user_id:42, not {text!r}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidIdentifier(f"{text!r} is not valid Unicode") from None
    return Identifier(namespace, value)


@cache
def identity_rules(folder: Path | None) -> IdentityRules:
    """Read the rules of identity that a folder of definitions holds. Raises TerminalError when they cannot be read."""
    try:
        return definitions.load(folder).identity
    except DefinitionErrors as errors:
        raise TerminalError(f"the definitions in {folder} cannot be read: {errors}") from errors
