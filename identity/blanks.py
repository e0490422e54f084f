"""What is blank around a value, visible or not. Pure."""

# The ideographic space, U+3000, is the last of those that Unicode calls blanks.
SPACES = "".join(filter(str.isspace, map(chr, range(0x3001))))
# Byte order marks and joiners, and marks of direction, which are copied along with a value.
_INVISIBLE = "\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_BLANKS = SPACES + _INVISIBLE + _DIRECTIONS


def stripped(text: str) -> str:
    """Return a text without the blanks around it."""
    return text.strip() if text.isascii() else text.strip(_BLANKS)
