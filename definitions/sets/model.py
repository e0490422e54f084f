"""A set: all definitions of one version, with the files that say so and the births of what they accumulate."""

import msgspec

from definitions.consent import NO_RULES, ConsentRules
from definitions.destinations import Destination
from definitions.model import AcrossTrigger, Definitions, Segment, Trait, Trigger
from runtime.errors import TerminalError

LANGUAGE = 1
"""Grows with whatever a worker of before would not understand of a set, or understand otherwise."""


class UnknownLanguage(TerminalError):
    """A set that this release does not understand: what it would make of it is anybody's guess."""


class DefinitionSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version of the definitions; it never changes. The rules of identity are no part of it.

    `applied_at`: ms. `applied_by`: who, as far as known, and from where. `files`: the sources by path, slashes between.
    `births`: by scope (`births.scope_of`) and id of an accumulator, the version since which that has existed with at
    least the capacity of now. All structs in it refuse unknown fields: without one a definition would be another one.
    """

    version: int
    applied_at: int
    applied_by: str
    language: int = LANGUAGE
    traits: tuple[Trait, ...] = ()
    segments: tuple[Segment, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    across: tuple[AcrossTrigger, ...] = ()
    destinations: tuple[Destination, ...] = ()
    births: dict[str, dict[str, int]] = {}
    files: dict[str, str] = {}
    consent: ConsentRules = NO_RULES

    @property
    def definitions(self) -> Definitions:
        """The model that is compiled."""
        return Definitions(
            self.segments,
            self.destinations,
            traits=self.traits,
            triggers=self.triggers,
            across=self.across,
            consent=self.consent,
        )


class _Head(msgspec.Struct):
    version: int
    language: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(DefinitionSet).decode
_decode_head = msgspec.json.Decoder(_Head).decode


def encode_set(of: DefinitionSet) -> bytes:
    """Return a set as JSON."""
    return _encode(of)


def decode_set(value: bytes) -> DefinitionSet:
    """Decode what `encode_set` has encoded. Raises UnknownLanguage."""
    try:
        head = _decode_head(value)
        if head.language > LANGUAGE:
            raise UnknownLanguage(
                f"version {head.version} of the definitions is in language {head.language}, this release understands"
                f" {LANGUAGE}: update it, or roll back by the release that has applied that version"
            )
        return _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnknownLanguage(
            f"a set of definitions cannot be understood: {error}: begin with a new data folder, or use the release that"
            " has applied the set"
        ) from error
