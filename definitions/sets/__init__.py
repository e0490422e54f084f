"""Sets of definitions, versioned and immutable: what `onefold apply` publishes and workers take over."""

from definitions.sets.births import births_for, next_set
from definitions.sets.model import LANGUAGE, DefinitionSet, UnknownLanguage, decode_set, encode_set
from definitions.sets.publication import BackfillAttempt, BackfillProgress, Completion, Publication, Stamping

__all__ = [
    "LANGUAGE",
    "BackfillAttempt",
    "BackfillProgress",
    "Completion",
    "DefinitionSet",
    "Publication",
    "Stamping",
    "UnknownLanguage",
    "births_for",
    "decode_set",
    "encode_set",
    "next_set",
]
