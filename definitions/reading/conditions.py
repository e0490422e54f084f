"""The value of `when`: nested conditions to the model; each form has a module of its own, or a function here."""

from typing import Literal

from definitions.model import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    ConsentComparison,
    InSegment,
    Not,
    Sample,
    SessionComparison,
    TraitComparison,
)
from definitions.paths import quoted_path
from definitions.reading.comparisons import read_comparisons, read_value_comparisons
from definitions.reading.counting import measures_in, read_aggregate_comparison, read_count
from definitions.reading.events import ANY_SESSION
from definitions.reading.facts import wrong_fact
from definitions.reading.fields import hint_of_key, refuse_unknown_keys, required_value, value_of
from definitions.reading.groups import contradiction_in_all, tautology_in_any
from definitions.reading.keys import CONSENT, COUNT, COUNTED_SESSIONS, EVENTS, FILTERS, MEASURES, SAMPLE, SESSION
from definitions.reading.names import read_name, read_narrow_name, read_trait_path
from definitions.reading.nodes import FileReport, ListNode, MappingNode, Node, Reference, ScalarNode
from definitions.reading.scalars import read_choice, read_permille, read_text
from definitions.reading.sequences import read_sequence
from definitions.reading.types import misfit
from schemas.consent import ALL, Answer

MAX_CONDITIONS = 100
SESSIONS = ("current", "first", "last")
ANSWERS: tuple[Answer, ...] = ("granted", "denied", "unknown", "allowed")
_COUNTED = (*EVENTS, *COUNTED_SESSIONS)
_KINDS = ("all", "any", "not", *_COUNTED, "sequence", "trait", "session", "segment", "sample", "consent")
_ACCOMPANYING = frozenset({*COUNT, *FILTERS, *MEASURES})
_MEANT = {
    "and": "for conditions that all hold use `all: [...]`",
    "or": "for conditions of which one is enough use `any: [...]`",
    "none": "for conditions of which none holds use `not: {any: [...]}`",
    "nor": "for conditions of which none holds use `not: {any: [...]}`",
    "every": "for conditions that all hold use `all: [...]`",
    "some": "for conditions of which one is enough use `any: [...]`",
    "either": "for conditions of which one is enough use `any: [...]`",
    "if": "a condition stands directly under `when`",
}
"""Words of other languages; what resembles them here would be something else."""


def read_condition(node: Node, report: FileReport) -> Condition | None:
    """Read one condition, or None with findings."""
    if isinstance(node, ListNode):
        report.add(node, "a condition cannot be a list", "put the list under `all:` or `any:`")
        return None
    if not isinstance(node, MappingNode):
        report.add(node, "a condition must be a mapping", "for example `{event: Order Completed, within: 7d}`")
        return None
    kind = _kind(node, report)
    if kind is None:
        return None
    if kind in _COUNTED:
        return (read_aggregate_comparison if measures_in(node) else read_count)(node, kind, report)
    if kind in _READERS:
        return _READERS[kind](node, report)
    return _read_combination(node, kind, report)


def _kind(node: MappingNode, report: FileReport) -> str | None:
    kinds = [name for name in _KINDS if name in node.entries]
    if len(kinds) == 1:
        return kinds[0]
    if kinds:
        hint = f"make them two conditions under `all:` or `any:`; {kinds[0]!r} stays, {kinds[1]!r} becomes another"
        if all(kind in EVENTS for kind in kinds):
            hint = f"to count them together: `events: [{{{kinds[0]}: ...}}, {{{kinds[1]}: ...}}]`"
        report.add(node.entries[kinds[1]][0], f"{kinds[0]!r} and {kinds[1]!r} in one condition", hint)
        return None
    unknown = [key for name, (key, _) in node.entries.items() if name not in _ACCOMPANYING]
    hints = {key.text: hint_of_key(key.text, _KINDS, _MEANT) for key in unknown}
    misspelt = [key for key in unknown if not hints[key.text].startswith("known")]
    for key in misspelt or unknown[:1]:
        report.add(key, f"a condition has no key {key.text!r}", hints[key.text])
    if not unknown:
        report.add(
            node, "a condition that says neither which events nor which trait", f"add one of {', '.join(_KINDS)}"
        )
    return None


def _read_combination(node: MappingNode, kind: str, report: FileReport) -> Condition | None:
    refuse_unknown_keys(node, (kind,), f"a condition with {kind!r}", report)
    value = node.entries[kind][1]
    if kind == "not":
        return _read_not(value, report)
    conditions = _read_all(value, kind, report)
    if conditions is None:
        return None
    return AllOf(conditions) if kind == "all" else AnyOf(conditions)


def _read_not(node: Node, report: FileReport) -> Condition | None:
    if isinstance(node, ListNode):
        report.add(node, "'not' takes one condition, not a list", "write `not: {any: [...]}` for none of them")
        return None
    condition = read_condition(node, report)
    return None if condition is None else Not(condition)


def _read_all(node: Node, kind: str, report: FileReport) -> tuple[Condition, ...] | None:
    if not isinstance(node, ListNode) or not node.items:
        report.add(node, f"{kind!r} takes a list of conditions", "start each one with `- ` on a line of its own")
        return None
    if len(node.items) > MAX_CONDITIONS:
        report.add(node, f"{kind!r} has more than {MAX_CONDITIONS} conditions", "make segments of some of them")
        return None
    conditions = [read_condition(item, report) for item in node.items]
    readable = [condition for condition in conditions if condition is not None]
    if len(readable) < len(conditions):
        return None
    return tuple(readable) if _makes_sense(node, kind, readable, report) else None


def _makes_sense(node: ListNode, kind: str, conditions: list[Condition], report: FileReport) -> bool:
    if kind == "all":
        contradiction = contradiction_in_all(conditions)
        if contradiction is not None:
            number, reason = contradiction
            message = f"this never holds beside what stands before it under 'all': {reason}"
            report.add(node.items[number], message, "correct or remove one; `any` if one of them is enough")
            return False
    elif (number_of_not := tautology_in_any(conditions)) is not None:
        message = "this and what stands before it under 'any' always hold: one is the `not` of the other"
        report.add(node.items[number_of_not], message, "correct or remove one")
        return False
    return True


def _read_trait(node: MappingNode, report: FileReport) -> Condition | None:
    trait_node = node.entries["trait"][1]
    path = read_trait_path(trait_node, "'trait'", report)
    name = "the trait" if path is None else f"the trait {quoted_path(path)}"
    comparisons = read_comparisons(node, ("trait",), name, report)
    if path is not None:
        report.references.append(Reference("trait", path, trait_node.line, trait_node.column, comparisons or ()))
    return None if path is None or comparisons is None else TraitComparison(path, comparisons)


def _read_session(node: MappingNode, report: FileReport) -> Condition | None:
    session_node = node.entries["session"][1]
    if isinstance(session_node, ScalarNode) and session_node.text == ANY_SESSION:
        hint = f"one of {', '.join(SESSIONS)}; to count them: `{{sessions: any, at_least: 3, within: 7d}}`"
        report.add(session_node, "'session' cannot be 'any'", hint)
        return None
    refuse_unknown_keys(node, SESSION, "a condition with 'session'", report)
    word = read_choice(session_node, "'session'", SESSIONS, report)
    session = next((name for name in ("current", "first", "last") if name == word), None)
    facts = [name for name in SESSION if name in node.entries and name != "session"]
    if not facts and len(node.entries) == 1:
        hint = f"add one of {', '.join(name for name in SESSION if name != 'session')}"
        report.add(node, "'session' without a fact of it", hint)
    read = [(fact, _read_fact(node.entries[fact][1], fact, report)) for fact in facts]
    comparisons = [(fact, given) for fact, given in read if given is not None]
    if session is None or len(comparisons) < len(read) or not comparisons or len(facts) < len(node.entries) - 1:
        return None
    conditions = tuple(SessionComparison(session, fact, given) for fact, given in comparisons)
    return conditions[0] if len(conditions) == 1 else AllOf(conditions)


def _read_fact(node: Node, fact: str, report: FileReport) -> tuple[Comparison, ...] | None:
    comparisons = read_value_comparisons(node, fact, report)
    for comparison in comparisons or ():
        reason = misfit(comparison, frozenset({"text"}))
        if reason is not None:
            wrong_node = node.entries[comparison.operator.value][1] if isinstance(node, MappingNode) else node
            report.add(wrong_node, f"{fact!r} is {reason}", "quote it, if it is meant as a text")
            return None
        wrong = wrong_fact(fact, comparison)
        if wrong is not None:
            report.add(node.entries[comparison.operator.value][1] if isinstance(node, MappingNode) else node, *wrong)
            return None
    return comparisons


def _read_segment(node: MappingNode, report: FileReport) -> Condition | None:
    refuse_unknown_keys(node, ("segment",), "a condition with 'segment'", report)
    segment_node = node.entries["segment"][1]
    name = read_name(segment_node, "'segment'", report)
    if name is None:
        return None
    report.references.append(Reference("segment", (name,), segment_node.line, segment_node.column))
    return InSegment(name) if len(node.entries) == 1 else None


def _read_sample(node: MappingNode, report: FileReport) -> Condition | None:
    refuse_unknown_keys(node, SAMPLE, "a condition with 'sample'", report)
    permille = read_permille(node.entries["sample"][1], "'sample'", report)
    hint = "a word of your own, such as `salt: summer`: the same one draws the same profiles"
    salt_node = required_value(node, "salt", "a condition with 'sample'", hint, report)
    salt = None if salt_node is None else read_text(salt_node, "'salt'", report, longest=100)
    return None if permille is None or salt is None or len(node.entries) != 2 else Sample(permille, salt)


def _read_consent(node: MappingNode, report: FileReport) -> Condition | None:
    refuse_unknown_keys(node, CONSENT, "a condition with 'consent'", report)
    hint = "what must have been said, such as `is: granted`; `is: allowed` goes by the purpose's default as well"
    answer_node = required_value(node, "is", "a condition with 'consent'", hint, report)
    word = None if answer_node is None else read_choice(answer_node, "'is'", ANSWERS, report)
    answer = next((each for each in ANSWERS if each == word), None)
    purpose = _read_defined_by_consent(node.entries["consent"][1], "purpose", report)
    channel_node = value_of(node, "channel")
    channel = "" if channel_node is None else _read_defined_by_consent(channel_node, "channel", report)
    if answer is None or purpose is None or channel is None or not node.entries.keys() <= CONSENT.keys():
        return None
    return ConsentComparison(purpose, channel, answer)


def _read_defined_by_consent(node: Node, of: Literal["purpose", "channel"], report: FileReport) -> str | None:
    """Read the name of a purpose or a channel; that there is one is for `refuse_undefined_conditions` to say."""
    name = read_narrow_name(node, f"the {of}", report, "consent.yaml defines it")
    if name == ALL:
        hint = "leave the key out" if of == "channel" else "name one; several are several conditions under `all:`"
        report.add(node, f"{ALL!r} is no {of}", hint)
        return None
    if name is not None:
        report.references.append(Reference(of, (name,), node.line, node.column))
    return name


_READERS = {
    "sequence": read_sequence,
    "trait": _read_trait,
    "session": _read_session,
    "segment": _read_segment,
    "sample": _read_sample,
    "consent": _read_consent,
}
