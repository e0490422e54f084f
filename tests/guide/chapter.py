"""A chapter as blocks: what a person types or writes, and the lines that the chapter shows of the answer.

What is different at every run (ids, times, durations, the version of rules) may be different from what is shown. An id
is the same wherever the chapter shows the same: it is learnt where an answer shows it, and later commands get it.
"""

import re
from pathlib import Path

import msgspec

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
_ANSWERS = "text|json|identifiers|rejected|facts"
_BLOCK = re.compile(rf"^```(\w+)( fails)?\n(.*?)^```$(?:\n+^```({_ANSWERS})\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b"
_CHANGING = (
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z",
    r"\b\d+\.\d+ s\b",
    r'"milliseconds": ?\d+',
    r"(?:\b[Rr]ules |\"rule_version\": ?\")[0-9a-f]{12}\b",
)
_CHANGING_TEXTS = re.compile("|".join(f"({pattern})" for pattern in (_ID, *_CHANGING)))


class Block(msgspec.Struct, frozen=True):
    """What a person types or writes; whether it fails; and what the chapter shows right below it as the answer."""

    kind: str
    fails: bool
    text: str
    answer_kind: str
    answer: str

    @property
    def title(self) -> str:
        """The first line, without the sign of a comment."""
        return self.text.partition("\n")[0].removeprefix("# ")


def text(chapter: str) -> str:
    """All of a chapter."""
    return (GUIDE / f"{chapter}.md").read_text(encoding="utf-8")


def blocks(chapter: str, kind: str) -> tuple[Block, ...]:
    """The blocks of one kind in a chapter, in its order; those that are an answer are not among them."""
    matches = _BLOCK.findall(text(chapter))
    return tuple(Block(match[0], bool(match[1]), *match[2:]) for match in matches if match[0] == kind)


class Ids:
    """The ids that a chapter shows, and what they are in this run."""

    def __init__(self) -> None:
        self._real: dict[str, str] = {}

    def put_into(self, commands: str) -> str:
        """Commands with the ids of this run."""
        return re.sub(_ID, lambda match: self._real.get(match[0], match[0]), commands)

    def missing(self, shown: str, printed: str) -> list[str]:
        """The lines that are shown and were not printed. Learns the ids that are shown for the first time."""
        return [line for line in lines(shown) if not self._is_among(line, printed)]

    def _is_among(self, shown: str, printed: str) -> bool:
        new: list[str] = []
        pattern, end = "", 0
        for found in _CHANGING_TEXTS.finditer(shown):
            pattern += re.escape(shown[end : found.start()]) + self._pattern(found, new)
            end = found.end()
        match = re.search(pattern + re.escape(shown[end:]), "\n".join(lines(printed)))
        if match is None:
            return False
        self._real |= dict(zip(new, match.groups(), strict=True))
        return True

    def _pattern(self, found: re.Match[str], new: list[str]) -> str:
        if found[1] is None:
            return _CHANGING[(found.lastindex or 0) - 2]
        if found[1] in self._real:
            return re.escape(self._real[found[1]])
        if found[1] in new:
            return f"(?:\\{new.index(found[1]) + 1})"
        new.append(found[1])
        return f"({_ID})"


def lines(text: str) -> list[str]:
    """Lines that say something, with one blank where there are several."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]
