"""The identifier that somebody asks for, in the spelling under which it is kept."""

from functools import cache
from pathlib import Path

import definitions
from definitions import DefinitionErrors
from identity.normalise import normalise
from identity.rules import IdentityRules
from runtime.errors import TerminalError
from schemas.records import Identifier


def asked_identifier(text: str, folder: Path | None) -> Identifier:
    """`namespace:value`, normalised by the rules of a folder of definitions, or as it is where they make nothing of it.

    Raises ValueError for what is no `namespace:value`, and TerminalError when the rules cannot be read.
    """
    identifier = read_identifier(text)
    found = normalise(identity_rules(folder), identifier)
    return found if isinstance(found, Identifier) else identifier


def read_identifier(text: str) -> Identifier:
    """`namespace:value`, where the value may hold colons itself. Raises ValueError that says what is expected."""
    namespace, separator, value = text.partition(":")
    if not (namespace and separator and value):
        raise ValueError(f"expected NAMESPACE:VALUE such as user_id:42, not {text!r}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} is not valid Unicode") from None
    return Identifier(namespace, value)


@cache
def identity_rules(folder: Path | None) -> IdentityRules:
    """The rules of identifiers that a folder of definitions holds. Raises TerminalError when they cannot be read."""
    try:
        return definitions.load(folder).identity
    except DefinitionErrors as errors:
        raise TerminalError(f"the definitions in {folder} cannot be read: {errors}") from errors
