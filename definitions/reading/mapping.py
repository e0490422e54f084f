"""The mapping of a destination: what the fields of its deliveries are made of.

A text that begins with @ selects, one with braces is a template, any other stands for itself. What is selected and what
a template names is held against what activations have; traits are references, as anywhere.
"""

import re
import unicodedata
from collections.abc import Iterator

from definitions.mapping import (
    IDENTIFIERS,
    ITEM,
    OPEN_ROOTS,
    PROFILE_PARTS,
    ROOTS,
    Constant,
    Each,
    Entry,
    Fields,
    Items,
    Made,
    Selected,
    Text,
    When,
    leaves_of,
)
from definitions.normalising import NORMALISATIONS
from definitions.paths import path_of
from definitions.reading import keys
from definitions.reading.fields import refuse_unknown_keys, value_of
from definitions.reading.names import PATH_HINT
from definitions.reading.nodes import FileReport, ListNode, MappingNode, Node, Reference, ScalarNode
from definitions.reading.scalars import is_null, read_bool, read_choice, read_operand, read_text
from definitions.templates import MAX_LONG_TEMPLATE, names_of, problems
from runtime.hints import closest, did_you_mean

MAX_FIELDS = 500
MAX_FIELD_NAME = 200
SELECTS, EVERY = "@", "[*]"
HASHES = ("sha256",)
CHANGES = ("entered", "exited", "fired")
ACTIVATION_KINDS = ("segment", "trigger")

_NAMESPACE = re.compile("[a-z][a-z0-9_]{0,62}")
_TEMPLATE_SIGNS = ("{{", "{%")
_OPTIONS = frozenset(keys.MADE) - {"value"}
_ELSEWHERE = {"profile.traits": "traits", "profile.identifiers": "identifiers", "trigger.name": "name"}


def read_mapping(node: Node, report: FileReport) -> Fields | None:
    """Return what the fields of a destination are made of, or None with findings."""
    if not isinstance(node, MappingNode) or not node.entries:
        hint = 'for example `mapping: {email: "@identifiers.email", text: "Hello {{ traits.name }}"}`'
        report.add(node, "'mapping' must be a mapping of fields", hint)
        return None
    if (number := sum(1 for _ in _scalars(node))) > MAX_FIELDS:
        report.add(node, f"'mapping' has {number} values", f"at most {MAX_FIELDS}")
        return None
    errors = len(report.errors)
    fields = _Reader(report).fields(node)
    return fields if len(report.errors) == errors else None


def traits_in(entry: Entry) -> Iterator[str]:
    """Yield the names of the traits that an entry reads."""
    for leaf in leaves_of(entry):
        match leaf:
            case Selected(path=("traits", name, *_)):
                yield name
            case Text(template=text):
                yield from (name for name, _ in names_of(text, "traits"))


def wrong_path(path: tuple[str, ...], *, in_each: bool) -> str | None:  # noqa: PLR0911 - one for each kind of root
    """Return what to do about a path to what nobody has; None for one to what there may be."""
    root, *rest = path
    elsewhere = _ELSEWHERE.get(".".join(path[:2]))
    if elsewhere is not None:
        return f"did you mean {'.'.join((elsewhere, *path[2:]))!r}?"
    if root == ITEM:
        return None if in_each else "'item' is a member of `each`: it stands within `as`"
    if root not in ROOTS:
        return did_you_mean(root, (*ROOTS, ITEM) if in_each else ROOTS)
    if root == "profile" and (len(rest) != 1 or rest[0] not in PROFILE_PARTS):
        return "of profile there is id, kind"
    if root == IDENTIFIERS and rest and (len(rest) != 1 or not _NAMESPACE.fullmatch(rest[0])):
        return "name one namespace, such as identifiers.email"
    if rest and root not in {*OPEN_ROOTS, IDENTIFIERS, "profile"}:
        return f"{root} has no parts"
    return None


def _scalars(node: Node) -> Iterator[ScalarNode]:
    match node:
        case ScalarNode():
            yield node
        case ListNode(items=items):
            yield from (scalar for item in items for scalar in _scalars(item))
        case MappingNode(entries=entries):
            yield from (scalar for _, value in entries.values() for scalar in _scalars(value))


class _Reader:
    """Reads entries; `in_each`: whether there is an `item`."""

    def __init__(self, report: FileReport, *, in_each: bool = False) -> None:
        self._report = report
        self._in_each = in_each

    def fields(self, node: MappingNode) -> Fields:
        """Return the fields of an object; wrong ones are missing."""
        entries = []
        for name, (key, value) in node.entries.items():
            read_text(key, "the name of a field", self._report, longest=MAX_FIELD_NAME)
            entry = self._entry(value, name)
            if entry is not None:
                entries.append((name, entry))
        return Fields(tuple(entries))

    def _entry(self, node: Node, name: str) -> Entry | None:
        match node:
            case ScalarNode():
                return self._scalar(node, name)
            case ListNode(items=items):
                entries = (self._entry(item, name) for item in items)
                return Items(tuple(entry for entry in entries if entry is not None))
            case MappingNode(entries=entries) if not entries:
                hint = 'quote a text that begins with a bracket, such as "{{ traits.name }}"'
                self._report.add(node, f"the field {name!r} is an empty mapping", hint)
                return None
            case MappingNode(entries=entries) if "each" in entries:
                return self._each(node, name)
            case MappingNode(entries=entries) if "value" in entries and self._is_made(node):
                return self._made(node, name)
            case MappingNode():
                return self.fields(node)

    def _scalar(self, node: ScalarNode, name: str) -> Entry | None:
        if is_null(node):
            return Constant(None)
        if node.text.startswith(SELECTS * 2):
            return Constant(node.text[1:])
        if node.text.startswith(SELECTS):
            return self._selected(node)
        if any(sign in node.text for sign in _TEMPLATE_SIGNS):
            return self._template(node, name)
        if not node.is_plain and len(node.text) <= MAX_LONG_TEMPLATE:
            return Constant(node.text)
        value = read_operand(node, f"the field {name!r}", self._report)
        return None if value is None else Constant(value)

    def _selected(self, node: Node) -> Selected | None:
        text = read_text(node, "a path", self._report)
        if text is None:
            return None
        every = text.endswith(EVERY)
        path = path_of(text.removeprefix(SELECTS).removesuffix(EVERY))
        if not text.startswith(SELECTS) or path is None:
            hint = f"@ and {PATH_HINT}" if text.startswith(SELECTS) else f"a path begins with @: @{text}"
            self._report.add(node, f"{text!r} is not a path", hint)
            return None
        if path[0] == "traits":
            path = ("traits", *(unicodedata.normalize("NFC", name) for name in path[1:2]), *path[2:])
        remedy = wrong_path(path, in_each=self._in_each)
        if remedy is None and every and (path[0] != IDENTIFIERS or len(path) == 1):
            remedy = f"{EVERY} is of one namespace of identifiers; a list is selected as it is"
        if remedy is not None:
            self._report.add(node, f"nothing is found at {text!r}", remedy)
            return None
        if path[0] == "traits" and len(path) > 1:
            self._report.references.append(Reference("trait", path[1:], node.line, node.column))
        if path[0] == IDENTIFIERS and len(path) > 1:
            self._report.references.append(Reference("namespace", path[1:], node.line, node.column))
        return Selected(path, every)

    def _template(self, node: ScalarNode, name: str) -> Text | None:
        before = len(self._report.errors)
        in_each = self._in_each
        found = problems(
            node.text, wrong_field=lambda path: wrong_path(path, in_each=in_each), longest=MAX_LONG_TEMPLATE
        )
        for problem in found:
            self._report.add_at(node.line, self._column(node, problem.offset), problem.message, problem.hint)
        if len(self._report.errors) > before:
            return None
        for trait, offset in names_of(node.text, "traits"):
            reference = Reference("trait", (trait,), node.line, self._column(node, offset))
            self._report.references.append(reference)
        for namespace, offset in names_of(node.text, IDENTIFIERS):
            reference = Reference("namespace", (namespace,), node.line, self._column(node, offset))
            self._report.references.append(reference)
        return Text(node.text, is_html=name == "html" or name.endswith("_html"))

    @staticmethod
    def _column(node: ScalarNode, offset: int | None) -> int:
        return node.column if offset is None or node.offset is None else node.column + node.offset + offset

    def _is_made(self, node: MappingNode) -> bool:
        """Return whether an object with the key `value` is one value that is made, and no object with that field."""
        others = node.entries.keys() - {"value"}
        return bool(others & _OPTIONS) or any(closest(other, _OPTIONS) for other in others)

    def _made(self, node: MappingNode, name: str) -> Made | None:
        before = len(self._report.errors)
        refuse_unknown_keys(node, keys.MADE, f"the field {name!r}", self._report)
        of = self._entry(node.entries["value"][1], name)
        normalise, hashed, default, required, when = (
            value_of(node, key) for key in ("normalise", "hash", "default", "required", "when")
        )
        form = None if normalise is None else read_choice(normalise, "'normalise'", NORMALISATIONS, self._report)
        if hashed is not None:
            read_choice(hashed, "'hash'", HASHES, self._report)
        is_required = required is not None and read_bool(required, "'required'", self._report) is True
        if default is not None and is_required:
            self._report.add(default, "a default beside `required: true`", "with a default it is never missing")
        constant = None if default is None else self._default(default)
        otherwise_node = value_of(node, "otherwise")
        otherwise = None if otherwise_node is None else self._entry(otherwise_node, name)
        condition = When() if when is None else self._when(when)
        if of is None or condition is None or len(self._report.errors) > before:
            return None
        return Made(
            of,
            next((each for each in NORMALISATIONS if each == form), None),
            None if hashed is None else "sha256",
            constant,
            is_required,
            condition,
            otherwise,
        )

    def _default(self, node: Node) -> Constant | None:
        if isinstance(node, ScalarNode) and is_null(node):
            return Constant(None)
        value = read_operand(node, "'default'", self._report)
        return None if value is None else Constant(value)

    def _each(self, node: MappingNode, name: str) -> Each | None:
        refuse_unknown_keys(node, keys.EACH, f"the field {name!r}", self._report)
        entry_node, when_node = value_of(node, "as"), value_of(node, "when")
        of = self._selected(node.entries["each"][1])
        if entry_node is None:
            self._report.add(node, "'each' needs 'as'", 'what each member becomes, such as `as: {email: "@item"}`')
            return None
        if of is not None and of.path[0] == IDENTIFIERS and not of.every:
            self._report.add(
                node.entries["each"][1], "'each' takes a list", f"all of them: `@identifiers.email{EVERY}`"
            )
        entry = _Reader(self._report, in_each=True)._entry(entry_node, name)
        condition = When() if when_node is None else self._when(when_node)
        return None if of is None or entry is None or condition is None else Each(of, entry, condition)

    def _when(self, node: Node) -> When | None:
        if not isinstance(node, MappingNode) or not node.entries:
            self._report.add(node, "'when' must be a mapping", "for example `when: {change: entered}`")
            return None
        before = len(self._report.errors)
        refuse_unknown_keys(node, keys.WHEN, "'when'", self._report)
        change, kind = self._words(node, "change", CHANGES), self._words(node, "kind", ACTIVATION_KINDS)
        name = self._words(node, "name", None)
        return None if len(self._report.errors) > before else When(change, kind, name)

    def _words(self, node: MappingNode, key: str, choices: tuple[str, ...] | None) -> tuple[str, ...]:
        value = value_of(node, key)
        if value is None:
            return ()
        listed = value.items if isinstance(value, ListNode) else (value,)
        words = (
            read_text(each, repr(key), self._report)
            if choices is None
            else read_choice(each, repr(key), choices, self._report)
            for each in listed
        )
        return tuple(word for word in words if word is not None)
