"""YAML as an editor sees it: texts, numbers, true and false of YAML 1.2, in lists and mappings."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from definitions.reading.nodes import FileReport, ListNode, MappingNode, Node, ScalarNode
from definitions.reading.scalars import is_null, read_operand
from definitions.reading.yaml_text import read_documents

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"


def plain_documents(file: Path) -> list[Plain]:
    """The documents of a file."""
    return [plain(document) for document in read_documents(file, FileReport(file))]


def plain_document(text: str) -> Plain:
    """The one document of a text."""
    with TemporaryDirectory() as directory:
        file = Path(directory) / "x.yaml"
        file.write_text(text, encoding="utf-8")
        (document,) = plain_documents(file)
    return document


def plain(node: Node) -> Plain:
    if isinstance(node, MappingNode):
        return {key: plain(value) for key, (_, value) in node.entries.items()}
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return None if is_null(node) else _scalar(node)


def _scalar(node: ScalarNode) -> Plain:
    report = FileReport(Path())
    value = read_operand(node, "", report)
    return node.text if value is None else value
