"""A YAML document as a tree in which every node knows its position; what a node means is decided by its reader."""

from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from definitions.errors import DefinitionError
from definitions.model import Comparison
from definitions.model import Path as TraitPath


class ScalarNode(msgspec.Struct, frozen=True):
    """`is_plain`: written without quotes, so that it may stand for a number, true, false or null.

    `offset`: how many characters stand between the position and the text; None if the text is not written as it is
    (folded, escaped), so that no position within it can be told.
    """

    line: int
    column: int
    text: str
    is_plain: bool
    offset: int | None = 0


class ListNode(msgspec.Struct, frozen=True):
    """A list, at the position of its first character."""

    line: int
    column: int
    items: tuple["Node", ...]


class MappingNode(msgspec.Struct, frozen=True):
    """Keys are unique; each value comes with the node of its key, whose position an error names."""

    line: int
    column: int
    entries: dict[str, tuple[ScalarNode, "Node"]]


Node: TypeAlias = ScalarNode | ListNode | MappingNode


class Reference(msgspec.Struct, frozen=True):
    """That a definition reads a segment, or the value at `path` of the traits; `comparisons`: what it is held to.

    Or what was said for a purpose, or by a channel.

    `of`: what is named, in the words of an error. The first of `path` is the name. `needs`: what an expression takes
    there. `former`: a former name of a destination.
    """

    of: Literal["trait", "segment", "destination", "namespace", "former", "purpose", "channel"]
    path: TraitPath
    line: int
    column: int
    comparisons: tuple[Comparison, ...] = ()
    needs: Literal["", "number", "time", "list"] = ""


class FileReport:
    """What is wrong with one file, and what it refers to: collected, so that one run shows all of it.

    `text`: what it says; None if it could not be read. `is_whole`: whether all of it could, so that whatever it defines
    is known.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.text: str | None = None
        self.is_whole = True
        self.errors: list[DefinitionError] = []
        self.references: list[Reference] = []

    def add(self, node: Node, message: str, hint: str = "") -> None:
        """Add a finding at the position of a node."""
        self.add_at(node.line, node.column, message, hint)

    def add_at(self, line: int, column: int, message: str, hint: str = "") -> None:
        """Add a finding at a line and column, both from 1."""
        self.errors.append(DefinitionError(self.file, line, column, message, hint))

    def add_whole(self, message: str, hint: str = "") -> None:
        """Add a finding about the whole file, with no position."""
        self.add_at(0, 0, message, hint)
