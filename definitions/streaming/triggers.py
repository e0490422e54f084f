"""Triggers compiled: which events they are about, whether their condition holds, and what they say when they fire."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from definitions.model import Trigger
from definitions.streaming.accumulators import Filter, OpenParts, compile_filters, has_no_number, numeric_readers
from definitions.streaming.conditions import Evaluate, compile_condition
from definitions.streaming.keys import KeyOf
from definitions.streaming.subject import NEVER, Evaluation
from definitions.streaming.thresholds import Distinctions
from definitions.templates import Payload

Render = Callable[[Mapping[str, Mapping[str, object]]], dict[str, str]]
"""Returns the texts of a payload, of what is known (`definitions.templates.FIELDS`)."""


@dataclass(frozen=True, slots=True)
class CompiledTrigger:
    """A trigger; `reads`, `at_first` and `distinguishes` are those of a trait.

    With `on` it is about events: `matches` says whether it is about one of the right name, `evaluate` whether it may
    fire then. Without, it fires each time that `evaluate` begins to hold.
    """

    name: str
    definition: Trigger
    reads: frozenset[str]
    at_first: bool
    distinguishes: Mapping[str, Distinctions]
    filters: tuple[Filter, ...] = field(compare=False, repr=False)
    numeric: tuple[Callable[[OpenParts], object], ...] = field(compare=False, repr=False)
    evaluate: Evaluate = field(compare=False, repr=False)
    render: Render | None = field(compare=False, repr=False)

    what: ClassVar[str] = "trigger"

    @property
    def changes(self) -> str:
        """The name under which others would read it; nobody does."""
        return f"trigger {self.name}"

    def matches(self, parts: OpenParts) -> bool:
        """Return whether it is about an event, whose type and name are right."""
        return all(passes(parts) for passes in self.filters)

    def is_mistyped(self, parts: OpenParts) -> bool:
        """Return whether an event of the right type and name has no number where one is looked for."""
        return has_no_number(parts, self.numeric)


def compile_trigger(
    trigger: Trigger, reads: frozenset[str], distinguishes: Mapping[str, Distinctions], key_of: KeyOf
) -> CompiledTrigger:
    """Return a trigger as the fold uses it. Whether it has to be evaluated at first is for the caller to find out."""
    return CompiledTrigger(
        trigger.name,
        trigger,
        reads,
        at_first=trigger.on is None,
        distinguishes=distinguishes,
        filters=() if trigger.on is None else compile_filters(trigger.on),
        numeric=() if trigger.on is None else tuple(numeric_readers(trigger.on.where)),
        evaluate=_always if trigger.when is None else compile_condition(trigger.when, key_of),
        render=Payload(trigger.payload).render if trigger.payload else None,
    )


def _always(*_: object) -> Evaluation:
    return True, NEVER
