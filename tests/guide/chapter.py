"""A chapter as steps: a block of commands, and the block of lines that the chapter shows of the answer.

What is different at every run (ids, times, durations, the version of rules) may be different from what is shown. An id
is the same wherever the chapter shows the same: it is learnt where an answer shows it, and later commands get it.
"""

import re
from pathlib import Path

import msgspec

_STEP = re.compile(r"^```sh( fails)?\n(.*?)^```$(?:\n+^```(?:text|json)\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b"
_CHANGING = (
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z",
    r"\b\d+\.\d+ s\b",
    r'"milliseconds": ?\d+',
    r"(?:\b[Rr]ules |\"rule_version\": ?\")[0-9a-f]{12}\b",
)
_PLACES = re.compile("|".join(f"({pattern})" for pattern in (_ID, *_CHANGING)))


class Step(msgspec.Struct, frozen=True):
    """Commands for a shell, whether they fail, and lines that must be among what they print."""

    commands: str
    fails: bool
    shown: tuple[str, ...]


def steps(chapter: Path) -> tuple[Step, ...]:
    """The steps of a chapter, in its order."""
    found = _STEP.findall(chapter.read_text(encoding="utf-8"))
    return tuple(Step(commands, bool(fails), tuple(_lines(shown))) for fails, commands, shown in found)


class Ids:
    """The ids that a chapter shows, and what they are in this run."""

    def __init__(self) -> None:
        self._real: dict[str, str] = {}

    def put_into(self, commands: str) -> str:
        """Commands with the ids of this run."""
        return re.sub(_ID, lambda match: self._real.get(match[0], match[0]), commands)

    def is_among(self, shown: str, printed: str) -> bool:
        """Whether a line is in what was printed; ids that it shows for the first time are learnt."""
        new: list[str] = []
        pattern, end = "", 0
        for place in _PLACES.finditer(shown):
            pattern += re.escape(shown[end : place.start()]) + self._pattern(place, new)
            end = place.end()
        match = re.search(pattern + re.escape(shown[end:]), "\n".join(_lines(printed)))
        if match is None:
            return False
        self._real |= dict(zip(new, match.groups(), strict=True))
        return True

    def _pattern(self, place: re.Match[str], new: list[str]) -> str:
        if place[1] is None:
            return _CHANGING[(place.lastindex or 0) - 2]
        if place[1] in self._real:
            return re.escape(self._real[place[1]])
        if place[1] in new:
            return f"(?:\\{new.index(place[1]) + 1})"
        new.append(place[1])
        return f"({_ID})"


def _lines(text: str) -> list[str]:
    """Lines that say something, with one blank where there are several."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]
