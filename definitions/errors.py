"""What can be wrong with definitions: every problem with its position, collected, so that one run shows them all."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from runtime.literal import literal


class DefinitionError(NamedTuple):
    """One problem. Line and column count from 1, or are 0 for a whole file; `hint` says what to do or is empty."""

    file: Path
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        position = f"{self.file}:{self.line}:{self.column}" if self.line else str(self.file)
        return literal(f"{position}: {self.message} ({self.hint})" if self.hint else f"{position}: {self.message}")


class DefinitionErrors(Exception):
    """Definitions cannot be used; `errors` holds every problem, in the order of file and position."""

    def __init__(self, errors: Iterable[DefinitionError]) -> None:
        self.errors = tuple(sorted(errors))
        super().__init__("\n".join(map(str, self.errors)))
