"""A YAML document as a tree in which every node knows its position; what a node means is decided by its reader."""

from pathlib import Path
from typing import TypeAlias

import msgspec

from definitions.errors import DefinitionError


class ScalarNode(msgspec.Struct, frozen=True):
    """`is_plain`: written without quotes, so that it may stand for a number, true, false or null."""

    line: int
    column: int
    text: str
    is_plain: bool


class ListNode(msgspec.Struct, frozen=True):
    line: int
    column: int
    items: tuple["Node", ...]


class MappingNode(msgspec.Struct, frozen=True):
    """Keys are unique; each value comes with the node of its key, whose position an error names."""

    line: int
    column: int
    entries: dict[str, tuple[ScalarNode, "Node"]]


Node: TypeAlias = ScalarNode | ListNode | MappingNode


class FileReport:
    """What is wrong with one file: its findings are collected, so that one run shows all of them."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.errors: list[DefinitionError] = []

    def add(self, node: Node, message: str, hint: str = "") -> None:
        self.add_at(node.line, node.column, message, hint)

    def add_at(self, line: int, column: int, message: str, hint: str = "") -> None:
        self.errors.append(DefinitionError(self.file, line, column, message, hint))

    def add_whole(self, message: str, hint: str = "") -> None:
        """A finding about the whole file, with no position."""
        self.add_at(0, 0, message, hint)
