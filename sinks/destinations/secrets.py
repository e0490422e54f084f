"""Secrets by reference: read where they are used, never kept elsewhere."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from definitions.receivers.values import Secret


class BadOption(Exception):
    """A destination cannot be opened as it is defined; the text says what is wrong, and never repeats a secret."""


class MissingSecret(BadOption):
    """A secret is not where its definition says; the text names the place, never a value."""


def resolve(secret: Secret, environ: Mapping[str, str] = os.environ) -> str:
    """Return a secret's text, without white space at its ends. Raises MissingSecret."""
    if secret.env:
        value = environ.get(secret.env, "").strip()
        if not value:
            raise MissingSecret(f"the environment variable {secret.env} is not set")
        return value
    try:
        value = Path(secret.file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MissingSecret(f"the file {secret.file} cannot be read: {type(error).__name__}") from None
    if not value:
        raise MissingSecret(f"the file {secret.file} is empty")
    return value


def missing_secrets(options: object, environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Yield which secrets of a receiver's options, or of any part of them, are not where they should be."""
    match options:
        case Secret(env="", file=""):
            return
        case Secret():
            try:
                resolve(options, environ)
            except MissingSecret as missing:
                yield str(missing)
        case msgspec.Struct():
            for field in options.__struct_fields__:
                yield from missing_secrets(getattr(options, field), environ)
        case dict():
            for part in options.values():
                yield from missing_secrets(part, environ)
        case tuple() | list():
            for part in options:
                yield from missing_secrets(part, environ)
