"""Secrets by reference: read where they are used, never kept elsewhere."""

import os
from collections.abc import Mapping
from pathlib import Path

from definitions.receivers.values import Secret

SHORTEST_SECRET = 4
"""In characters: to remove a shorter one from what is kept would remove half of a text."""


class BadOption(Exception):
    """A destination cannot be opened as it is defined; the text says what is wrong, and never repeats a secret."""


class MissingSecret(BadOption):
    """A secret is not where its definition says; the text names the place, never a value."""


def resolve(secret: Secret, environ: Mapping[str, str] = os.environ) -> str:
    """Return a secret's text, without white space at its ends. Raises MissingSecret, BadOption."""
    place = f"the environment variable {secret.env}" if secret.env else f"the file {secret.file}"
    value = environ.get(secret.env) if secret.env else _read(secret.file)
    if value is None:
        raise MissingSecret(f"{place} is not set")
    if not value.strip():
        raise MissingSecret(f"{place} is empty")
    if len(value.strip()) < SHORTEST_SECRET:
        raise BadOption(f"{place} holds a secret of less than {SHORTEST_SECRET} characters")
    return value.strip()


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise MissingSecret(f"the file {path} cannot be read: {type(error).__name__}") from None
