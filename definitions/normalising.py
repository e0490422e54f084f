"""Spellings of addresses as advertising and customer systems want them before a hash. Pure.

Sources: developers.facebook.com "Customer Information Parameters" (`email`, `phone`, `lower`), and
developers.google.com "Data Manager API: format user data" (`gmail`, `e164`).
"""

import re
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias, get_args

Normalisation: TypeAlias = Literal["lower", "email", "gmail", "phone", "e164"]
NORMALISATIONS: tuple[Normalisation, ...] = get_args(Normalisation)

_NO_DIGITS = re.compile("[^0-9]+")
_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_SHORTEST_PHONE, _LONGEST_PHONE = 7, 15


def lower(text: str) -> str:
    """Return a text in lower case, without white space at its ends."""
    return text.strip().lower()


def email(text: str) -> str:
    """Return an address in lower case, without white space; empty for what is none."""
    address = "".join(text.split()).lower()
    name, at, domain = address.rpartition("@")
    return address if name and at and domain else ""


def gmail(text: str) -> str:
    """Return an address as `email` does; of Gmail also without what means nothing there: dots, and + to the @."""
    address = email(text)
    name, _, domain = address.rpartition("@")
    return f"{name.partition('+')[0].replace('.', '')}@{domain}" if domain in _GMAIL else address


def phone(text: str) -> str:
    """Return the digits of a number with its country's code, without zeros before it; empty for what is none."""
    digits = _NO_DIGITS.sub("", text.strip()).lstrip("0")
    return digits if _SHORTEST_PHONE <= len(digits) <= _LONGEST_PHONE else ""


def e164(text: str) -> str:
    """Return a number as E.164 has it: + and the digits with the country's code; empty for what is none."""
    digits = phone(text)
    return f"+{digits}" if digits else ""


NORMALISERS: Mapping[Normalisation, Callable[[str], str]] = {
    "lower": lower,
    "email": email,
    "gmail": gmail,
    "phone": phone,
    "e164": e164,
}
"""Return a text in a form, or an empty one where it cannot be."""
