"""The identity rules in force, which say what an event's primary identifier is."""

from definitions.identity.rules import DEFAULT_RULES, IdentityRules
from settings import Settings


def identity_rules(settings: Settings) -> IdentityRules:  # noqa: ARG001 - until definitions hold rules of their own
    """The rules of this installation."""
    return DEFAULT_RULES
