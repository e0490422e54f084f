"""Writes the headers of a mail: what people wrote stands in them as text, whatever it looks like. Pure.

Python's `EmailMessage` takes encoded words (RFC 2047) out of a value that it is given, line breaks included. So values
are written here: as they are if nothing in them is special, else encoded as a whole.
"""

import re
from collections import Counter
from collections.abc import Collection
from email.header import Header

from sinks.destinations.mail.addresses import Mailbox

_LINE = 76
_PLAIN = re.compile(r"[ -~]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_ENCODED = "=?"
_NAME = re.compile(rb"([!-9;-~]+):")


def header(name: str, value: str) -> str:
    """Return a header, with the end of its line. `value`: one line of text."""
    return f"{name}: {_text(name, value)}\r\n"


def address_header(name: str, mailbox: Mailbox) -> str:
    """Return a header with one address, with the end of its line."""
    if not mailbox.name:
        return f"{name}: {mailbox.address}\r\n"
    phrase = _text(name, mailbox.name)
    if phrase == mailbox.name and not _ATOMS.fullmatch(phrase):
        phrase = '"' + phrase.replace("\\", "\\\\").replace('"', '\\"') + '"'
    lines = f"{name}: {phrase} <{mailbox.address}>"
    if len(lines) - lines.rfind("\n") > _LINE:
        lines = f"{name}: {phrase}\r\n <{mailbox.address}>"
    return f"{lines}\r\n"


def is_only_of(content: bytes, names: Collection[str]) -> bool:
    """Return whether a mail begins with headers of these names, each once at most, and ends its lines as it should."""
    head, _, _ = content.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    if any(b"\r" in line or b"\n" in line or not line.strip() for line in lines):
        return False
    begun = [_NAME.match(line) for line in lines if line[:1] not in {b" ", b"\t"}]
    written = Counter("" if match is None else match[1].decode() for match in begun)
    return written.keys() <= set(names) and max(written.values()) == 1


def _text(name: str, value: str) -> str:
    if _PLAIN.fullmatch(value) and _ENCODED not in value and len(name) + 2 + len(value) <= _LINE:
        return value
    return Header(value, "utf-8", maxlinelen=_LINE, header_name=name).encode(linesep="\r\n")
