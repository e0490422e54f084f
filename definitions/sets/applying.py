"""Applies a folder, or goes back to an earlier set, by whoever does so: the command, and a stack that starts."""

import getpass
import socket
from functools import partial
from pathlib import Path

from definitions.sets.births import next_set
from definitions.sets.differences import differences, in_short
from definitions.sets.folder import Draft
from definitions.sets.model import DefinitionSet
from definitions.sets.topic import apply_set
from runtime.clock import now_ms

_CHANGES_SHOWN = 10


def apply_draft(kafka: str, draft: Draft, expected: int, applied_by: str = "") -> DefinitionSet:
    """Publish what a folder defines as the next set, after version `expected`. Raises Overtaken and what Kafka does."""
    following = partial(_following, draft=draft, applied_by=applied_by or operator())
    return apply_set(kafka, following, expected)


def applied_text(former: DefinitionSet | None, new: DefinitionSet, folder: Path) -> str:
    """Say which version was applied, and how it differs from the one before."""
    text = f"version {new.version} of the definitions applied, from {folder}"
    if former is None:
        return text
    changes = in_short(differences(former.definitions, new.definitions), _CHANGES_SHOWN)
    return f"{text}; what changed: {changes or 'nothing but titles, descriptions or comments'}"


def operator() -> str:
    """Say who applies: the user and the machine, as far as they are known."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def _following(former: DefinitionSet | None, draft: Draft, applied_by: str) -> DefinitionSet:
    return next_set(former, draft.definitions, draft.files, now_ms(), applied_by)
