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
    path = Path(secret.file).absolute()  # a relative one counts from where the process was started
    try:
        value = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise MissingSecret(f"the file {path} cannot be read: {error.strerror or type(error).__name__}") from None
    except UnicodeDecodeError:
        raise MissingSecret(f"the file {path} is no text in UTF-8") from None
    if not value:
        raise MissingSecret(f"the file {path} is empty")
    return value


class SecretFiles:
    """The files that hold a receiver's secrets, as they are now: whoever opens it by them asks whether they change."""

    def __init__(self, options: object) -> None:
        self._opened = {secret.file: _stamp(secret.file) for secret in _secrets_of(options) if secret.file}
        self._last = self._opened

    def have_changed(self) -> bool:
        """Return whether one is another one by now, and was so at the last call: it may be half written before."""
        now = {path: _stamp(path) for path in self._opened}
        has_settled, self._last = now == self._last, now
        return has_settled and any(stamp is not None and stamp != self._opened[path] for path, stamp in now.items())


def missing_secrets(options: object, environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Yield which secrets of a receiver's options, or of any part of them, are not where they should be."""
    for secret in _secrets_of(options):
        if secret != Secret():
            try:
                resolve(secret, environ)
            except MissingSecret as missing:
                yield str(missing)


def _secrets_of(options: object) -> Iterator[Secret]:
    match options:
        case Secret():
            yield options
        case msgspec.Struct():
            for field in options.__struct_fields__:
                yield from _secrets_of(getattr(options, field))
        case dict():
            for part in options.values():
                yield from _secrets_of(part)
        case tuple() | list():
            for part in options:
                yield from _secrets_of(part)


def _stamp(path: str) -> tuple[int, ...] | None:
    """Return what tells a file from the one that there was; None if there is none, or it is empty: it comes."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino) if status.st_size else None
