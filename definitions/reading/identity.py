"""`identity.yaml` to the rules of identifiers. A key that is absent keeps its shipped value; a list replaces it."""

import json
from typing import Any, cast, get_args

import msgspec
import phonenumbers

from definitions.reading.fields import refuse_unknown_keys, required_value, value_of
from definitions.reading.names import read_narrow_name
from definitions.reading.nodes import FileReport, ListNode, MappingNode, Node, ScalarNode
from definitions.reading.scalars import (
    is_null,
    read_bool,
    read_duration,
    read_operand,
    read_text,
    read_whole_number,
)
from identity.normalise import normalise
from identity.rules import (
    DEFAULT_RULES,
    MAX_VALUE_LENGTH,
    NORMALISER_NAMES,
    IdentityRules,
    Kind,
    Namespace,
    Sharing,
)
from runtime.hints import did_you_mean
from schemas.records import Identifier

MAX_OF_PROFILE = 10_000  # a profile's identifiers are read and written as one
CAPS = ("max_identifiers", "max_merges", "max_fan_in")
RULE_KEYS = ("region", "blocked", *CAPS, "namespaces")
NAMESPACE_KEYS = ("namespace", "kind", "limit", "unique", "shared", "normaliser", "blocked")
_LIMIT_KEYS = ("at_most", "within")
_KINDS: tuple[str, ...] = get_args(Kind)
_SHARING: tuple[str, ...] = get_args(Sharing)
_SHIPPED_BLOCKED = frozenset[str]().union(*(namespace.blocked for namespace in DEFAULT_RULES.namespaces))
_REGIONS: frozenset[str] = frozenset(phonenumbers.SUPPORTED_REGIONS)


def read_identity(node: Node, report: FileReport) -> IdentityRules | None:
    """Read the rules of one document; None with findings if anything in it is wrong."""
    before = len(report.errors)
    if not isinstance(node, MappingNode):
        report.add(node, "the rules of identifiers must be a mapping", "for example `region: CN`")
        return None
    refuse_unknown_keys(node, RULE_KEYS, "identity.yaml", report)
    changed: dict[str, Any] = {}
    for key in CAPS:
        if (value := value_of(node, key)) is not None:
            changed[key] = read_whole_number(value, repr(key), MAX_OF_PROFILE, report)
    if (value := value_of(node, "region")) is not None:
        changed["region"] = _read_region(value, report)
    if (value := value_of(node, "blocked")) is not None:
        changed["blocked"] = _read_blocked(value, report)
    if (value := value_of(node, "namespaces")) is not None:
        changed["namespaces"] = _read_namespaces(value, changed.get("region", DEFAULT_RULES.region), report)
    return None if len(report.errors) > before else msgspec.structs.replace(DEFAULT_RULES, **changed)


def _read_region(node: Node, report: FileReport) -> str | None:
    region = read_text(node, "'region'", report)
    if region is None or region in _REGIONS:
        return region
    hint = "the two capital letters of a country in ISO 3166-1, such as CN or DE"
    if region.upper() in _REGIONS:
        hint = f"did you mean {region.upper()!r}?"
    report.add(node, f"there is no region {region!r}", hint)
    return None


def _read_blocked(node: Node, report: FileReport) -> frozenset[str]:
    """The list of `blocked`, in lower case; empty with findings where it is none."""
    if not isinstance(node, ListNode):
        report.add(node, "'blocked' must be a list of values", 'for example `blocked: ["0", guest]`')
        return frozenset()
    blocked: set[str] = set()
    for item in node.items:
        value = _read_blocked_value(item, report)
        if value in blocked:
            report.add(item, f"{value!r} is given twice in 'blocked'", "case does not count: remove one")
        elif value is not None:
            blocked.add(value)
    return frozenset(blocked)


def _read_blocked_value(node: Node, report: FileReport) -> str | None:
    what = "a value in 'blocked'"
    if isinstance(node, ScalarNode):
        if not node.text.strip():
            report.add(node, f"{what} is empty", "remove it: what is empty or blank never names anybody")
            return None
        if len(node.text) > MAX_VALUE_LENGTH:
            report.add(
                node, f"{what} is longer than {MAX_VALUE_LENGTH} characters", "remove it: that never names anybody"
            )
            return None
        if is_null(node):
            report.add(node, f"{what} must be a text, and {node.text} is none", f'quote it: "{node.text}"')
            return None
    else:
        report.add(node, f"{what} must be a text")
        return None
    value = read_operand(node, what, report)
    if value is None or isinstance(value, str):
        return None if value is None else value.lower()
    kind = "true or false" if isinstance(value, bool) else "a number"
    report.add(node, f"{what} must be a text, and {node.text} is {kind}", f'quote it: "{node.text}"')
    return None


def _refuse_other_spellings(
    node: ListNode, blocked: frozenset[str], normaliser: str, region: str | None, report: FileReport
) -> None:
    """Find the values of `blocked` that stop only who writes them alike, since identifiers get another spelling.

    What the normaliser refuses is harmless: it names nobody, blocked or not. What is shipped is blocked as people type
    it, and may be copied under any region.
    """
    unblocked = IdentityRules((Namespace("any", normaliser=normaliser),), region=region)
    judged = blocked - _SHIPPED_BLOCKED
    for item in node.items:
        if not isinstance(item, ScalarNode) or item.text.lower() not in judged:
            continue
        spelt = normalise(unblocked, Identifier("any", item.text))
        if isinstance(spelt, Identifier) and spelt.value.lower() not in blocked:
            hint = f"write {json.dumps(spelt.value, ensure_ascii=False)}, which stops every way of writing it"
            report.add(item, f"the normaliser {normaliser!r} never yields the blocked value {item.text!r}", hint)


def _read_namespaces(node: Node, region: str | None, report: FileReport) -> tuple[Namespace, ...]:
    """The list of `namespaces`; what is wrong in it is left out, with findings. `region` is that of the same file."""
    if not isinstance(node, ListNode) or not node.items:
        hint = "start each with `- namespace: its_name`; without the key the shipped ones hold"
        report.add(node, "'namespaces' must be a list of namespaces, strongest first", hint)
        return ()
    namespaces: list[Namespace] = []
    first: dict[str, int] = {}
    before = len(report.errors)
    for item in node.items:
        namespace = _read_namespace(item, first, region, report)
        if namespace is not None:
            namespaces.append(namespace)
    if len(report.errors) == before and all(namespace.kind != "person" for namespace in namespaces):
        report.add(node, "none of the namespaces is of kind 'person'", "then nobody would be known: add one")
    return tuple(namespaces)


def _read_namespace(node: Node, first: dict[str, int], region: str | None, report: FileReport) -> Namespace | None:
    """One namespace, or None with findings. `first`: the lines of the names before it; its own is added."""
    if not isinstance(node, MappingNode):
        report.add(node, "expected a namespace as a mapping", "for example `{namespace: email, kind: person}`")
        return None
    refuse_unknown_keys(node, NAMESPACE_KEYS, "a namespace", report)
    name = _read_namespace_name(node, first, report)
    kind = _read_kind(node, report)
    unique_node = value_of(node, "unique")
    unique = unique_node is not None and read_bool(unique_node, "'unique'", report) is True
    limit, period_ms = _read_limit(node, unique, report)
    shared = _read_shared(node, kind, report)
    normaliser_node = value_of(node, "normaliser")
    normaliser = None
    if normaliser_node is not None:
        normaliser = _read_choice(normaliser_node, "normaliser", NORMALISER_NAMES, report)
    blocked_node = value_of(node, "blocked")
    blocked = frozenset[str]() if blocked_node is None else _read_blocked(blocked_node, report)
    if normaliser is not None and isinstance(blocked_node, ListNode):
        _refuse_other_spellings(blocked_node, blocked, normaliser, region, report)
    if kind == "account":
        for key in ("limit", "unique"):
            if key in node.entries:
                hint = "it ties nobody to anybody, so there is nothing to limit: remove the key"
                report.add(node.entries[key][0], f"{key!r} on a namespace of kind 'account'", hint)
    if name is None or kind is None:
        return None
    return Namespace(name, cast(Kind, kind), limit, period_ms, unique, cast(Sharing, shared), normaliser, blocked)


def _read_namespace_name(node: MappingNode, first: dict[str, int], report: FileReport) -> str | None:
    name_node = required_value(node, "namespace", "a namespace", "its name, such as `namespace: email`", report)
    name = None if name_node is None else read_narrow_name(name_node, "the namespace", report, also="as events name it")
    if name_node is None or name is None:
        return None
    if name in first:
        hint = f"first on line {first[name]}: remove one"
        report.add(name_node, f"the namespace {name!r} is defined twice", hint)
    first.setdefault(name, name_node.line)
    return name


def _read_kind(node: MappingNode, report: FileReport) -> str | None:
    hint = f"one of {', '.join(_KINDS)}"
    kind_node = required_value(node, "kind", "a namespace", hint, report)
    return None if kind_node is None else _read_choice(kind_node, "kind", _KINDS, report)


def _read_choice(node: Node, key: str, choices: tuple[str, ...], report: FileReport) -> str | None:
    text = read_text(node, repr(key), report)
    if text is None or text in choices:
        return text
    report.add(node, f"there is no {key} {text!r}", did_you_mean(text, choices))
    return None


def _read_limit(node: MappingNode, unique: bool, report: FileReport) -> tuple[int | None, int | None]:
    """Values of one profile, and the period in ms. What is unique has a limit of 1, for ever."""
    limit_node = value_of(node, "limit")
    if limit_node is None:
        return (1 if unique else None), None
    period_ms = None
    number: Node | None = limit_node
    if isinstance(limit_node, MappingNode):
        refuse_unknown_keys(limit_node, _LIMIT_KEYS, "a limit", report)
        number = required_value(limit_node, "at_most", "a limit", "how many values, such as `at_most: 5`", report)
        hint = "a limit for ever is only a number, such as `limit: 5`"
        period = required_value(limit_node, "within", "a limit with 'at_most'", hint, report)
        period_ms = None if period is None else read_duration(period, "'within'", report)
    limit = None if number is None else read_whole_number(number, "a limit", MAX_OF_PROFILE, report)
    if unique and limit is not None and (limit > 1 or isinstance(limit_node, MappingNode)):
        hint = "unique means one value for ever: remove the limit, or `unique`"
        report.add(node.entries["limit"][0], "this limit contradicts `unique: true`", hint)
    return limit, period_ms


def _read_shared(node: MappingNode, kind: str | None, report: FileReport) -> str:
    entry = node.entries.get("shared")
    if entry is None:
        return "isolate"
    key, value = entry
    shared = _read_choice(value, "shared", _SHARING, report)
    if kind is not None and kind != "device":
        hint = "only devices are shared: remove the key, or make it `kind: device`"
        report.add(key, f"'shared' on a namespace of kind {kind!r}", hint)
    return shared or "isolate"
