"""The identity rules in force, which say what an event's primary identifier is."""

import definitions
from definitions.identity.rules import IdentityRules
from settings import Settings


def identity_rules(settings: Settings) -> IdentityRules:
    """The rules of this installation. Raises DefinitionErrors."""
    return definitions.load(settings.definitions).identity
