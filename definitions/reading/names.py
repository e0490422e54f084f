"""Names of definitions, and the paths that begin with one: letters of any script, in one spelling."""

import re
import unicodedata

from definitions.model import Path
from definitions.paths import MAX_PATH, path_of, quoted
from definitions.reading.nodes import FileReport, Node
from definitions.reading.scalars import read_text

MAX_NAME = 100
PATH_HINT = rf"1 to {MAX_PATH} names joined by single dots: a.b.c; a dot of a name itself is written \.: utm\.source"

_INDEX = re.compile(r"\[([0-9]*|\*)\]$")
_LIST_HINT = (
    "send what matters as a property of its own, such as `sku`; `contains` asks a list of texts or numbers for a member"
)
_NARROW = re.compile(r"[a-z][a-z0-9_]{0,62}")
_CATEGORIES = ("L", "M", "N")  # letters, the marks on them, digits
_BETWEEN = frozenset(" _-")
# Letters and marks by their category, of which nothing shows.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")

_NON_JOINER, _JOINER = "\u200c", "\u200d"
_WITHOUT_JOINERS = str.maketrans("", "", _NON_JOINER + _JOINER)
_VIRAMA = 9  # the class of signs that join consonants


def read_narrow_name(node: Node, what: str, report: FileReport, also: str = "`title` may be any text") -> str | None:
    """Return a name that becomes part of a topic, or names a namespace: hence the narrow alphabet.

    `also`: ends the hint.
    """
    text = read_text(node, what, report)
    if text is None or _NARROW.fullmatch(text):
        return text
    hint = f"lower-case letters, digits and _, a letter first, at most 63; {also}"
    report.add(node, f"{what} {text!r} is not a valid name", hint)
    return None


def read_name(node: Node, what: str, report: FileReport) -> str | None:
    """Return the name of a trait, segment or trigger, in Unicode's composed form (NFC)."""
    text = read_text(node, what, report)
    if text is None:
        return None
    name = unicodedata.normalize("NFC", text)
    reason = _why_refused(name)
    if reason is None:
        return name
    hint = f"letters of any script, digits, _, - and single spaces, at most {MAX_NAME}; `title` may be any text"
    report.add(node, f"{what} {text!r} is not a valid name: {reason}", hint)
    return None


def is_name(name: str) -> bool:
    """Return whether a definition may have a name, which is in NFC."""
    return bool(name) and _why_refused(name) is None


def read_path(node: Node, what: str, report: FileReport) -> Path | None:
    r"""Return the dotted way into nested objects: `address.city`, or `utm\.source` of a name with a dot."""
    text = read_text(node, what, report)
    if text is None:
        return None
    path = path_of(text)
    if path is None:
        report.add(node, f"{what} {quoted(text)} is not a path", PATH_HINT)
    elif any(_INDEX.search(name) for name in path):
        report.add(node, f"{what} {quoted(text)} looks into a list, which no path does", _LIST_HINT)
        return None
    return path


def read_trait_path(node: Node, what: str, report: FileReport) -> Path | None:
    """Return the name of a trait, in Unicode's composed form, and the way into its value."""
    path = read_path(node, what, report)
    return None if path is None else (unicodedata.normalize("NFC", path[0]), *path[1:])


def look_alike(name: str) -> str:
    """Return what two names have in common that people cannot well tell apart: by case, width, form or joiners."""
    return unicodedata.normalize("NFKC", name).casefold().translate(_WITHOUT_JOINERS)


def _why_refused(name: str) -> str | None:
    if len(name) > MAX_NAME:
        return f"it is longer than {MAX_NAME} characters"
    if name != name.strip() or "  " in name:
        return "spaces may stand between words only, one at a time"
    strange = next((at for at, each in enumerate(name) if not (_is_allowed(each) or _joins(name, at))), None)
    if strange is not None:
        said = unicodedata.name(name[strange], "a character without a name")
        return f"it contains U+{ord(name[strange]):04X} ({said})"
    return None if unicodedata.category(name[0])[0] in {"L", "N"} else "it must begin with a letter or digit"


def _is_allowed(character: str) -> bool:
    if character in _BETWEEN:
        return True
    return unicodedata.category(character)[0] in _CATEGORIES and not _INVISIBLE.match(character)


def _joins(name: str, at: int) -> bool:
    """Return whether a joiner stands where scripts need one. Source: RFC 5892, appendix A; Arabic letters all count."""
    before, joiner, after = name[at - 1 : at], name[at], name[at + 1 : at + 2]
    if joiner not in {_NON_JOINER, _JOINER} or not before or not after.isalpha():
        return False
    return unicodedata.combining(before) == _VIRAMA or (
        joiner == _NON_JOINER and _is_arabic(before) and _is_arabic(after)
    )


def _is_arabic(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("ARABIC LETTER")
