"""Make text that somebody else wrote harmless: nothing in it moves a cursor, turns the writing or forges a line.

Senders, operators, servers and file names write such text; terminals and logs show it. Letters of all scripts stay as
they are, also the joiners of Persian, Hindi and emoji; what does not show is written as Python writes it: `\\x1b`.
"""

import json
import re
import unicodedata

# Unicode calls them format characters, yet some scripts and emoji are spelled with them.
_JOINERS = "\u200c\u200d"
_LINE_BREAKS = "\n\t"
_SUSPECT = re.compile(r"[^ -~]")


def literal(value: object) -> str:
    """Return one line of text, such as a name, a cell or a reason: line breaks and tabs are escaped as well."""
    text = str(value)
    return text if text.isprintable() else _SUSPECT.sub(lambda match: _written(match[0]), text)


def printable(text: str) -> str:
    """Return lines of text: as `literal`, but line feeds and tabs stay. For text with line breaks of our own."""
    if text.isprintable():
        return text
    return _SUSPECT.sub(lambda match: match[0] if match[0] in _LINE_BREAKS else _written(match[0]), text)


def literal_json(text: str) -> str:
    """Return JSON of one line: what does not show is escaped as in JSON, so every reader gets what was sent."""
    if text.isprintable():
        return text
    return _SUSPECT.sub(lambda match: match[0] if shows(match[0]) else json.dumps(match[0])[1:-1], text)


def shows(character: str) -> bool:
    """Return whether a character belongs to a text and is no command to whatever shows it."""
    return character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"


def _written(character: str) -> str:
    return character if shows(character) else character.encode("unicode_escape").decode()
