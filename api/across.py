"""What a trigger across persons sees now: the numbers of its values against what is usual, and when it fired.

Queried once more, beside what the process that evaluates has remembered.
"""

import unicodedata

import msgspec

from api.clocks import remembered_across
from definitions.across import (
    Memory,
    Spans,
    Usuals,
    at_or_before,
    decoded_value,
    evaluate,
    key_of,
    shown_value,
    tick_ms,
)
from definitions.explaining.wording import across_in_words
from definitions.model import AcrossTrigger, Scalar
from definitions.sets.topic import read_publication
from definitions.streaming.times import text_of
from runtime.clock import now_ms
from settings import Settings
from warehouse.client import Warehouse, look_ups
from warehouse.queries.across import (
    MOST_VALUES,
    PastFiring,
    TriggerTicks,
    find_numbers,
    find_usuals,
    latest_event_at,
    past_firings,
)

VALUES_SHOWN = 20


class ShownValue(msgspec.Struct, frozen=True):
    """A value at a tick; None: all events together. `usual`: None where there is none, or it is not compared.

    `since`: of what holds, as published.
    """

    value: Scalar | None
    number: int
    usual: float | None
    holds: bool
    since: str | None
    fired_at: str | None


class ExplainedAcross(msgspec.Struct, frozen=True):
    """A trigger across persons as of a tick.

    `evaluated_to`: the last tick that was evaluated for publication, as it is noted every 30 s; None: none so far.
    `values`: those with the largest numbers. `fired`: the last ten times.
    """

    trigger: str
    at: str | None
    version: int
    says: str
    evaluated_to: str | None
    values: tuple[ShownValue, ...]
    fired: tuple[PastFiring, ...]


def explained_across(settings: Settings, workspace: str, name: str, value: str = "") -> ExplainedAcross | None:
    """Explain a trigger across persons, for a value or those with the largest numbers; None if there is none such.

    Raises OnefoldError.
    """
    name = unicodedata.normalize("NFC", name)
    in_force = read_publication(settings.kafka).evaluated(workspace, settings.partitions)
    defined = () if in_force is None else in_force.across
    trigger = next((each for each in defined if each.name == name), None)
    if trigger is None or in_force is None or (trigger.workspaces and workspace not in trigger.workspaces):
        return None
    warehouse = look_ups(settings.clickhouse)
    memory = _memory(settings, workspace, name)
    now = now_ms()
    if settings.workspaces[workspace].clock == "event":
        now = max(latest_event_at(warehouse, workspace) or 0, 0 if memory is None else memory.evaluated_to)
    tick = at_or_before(now, tick_ms(trigger))
    return ExplainedAcross(
        name,
        text_of(tick),
        in_force.version,
        across_in_words(trigger),
        None if memory is None else text_of(memory.evaluated_to),
        shown_values(warehouse, TriggerTicks(trigger, workspace, tick, tick), memory, value),
        tuple(past_firings(warehouse, workspace, name)),
    )


def _memory(settings: Settings, workspace: str, name: str) -> Memory | None:
    return remembered_across(settings).of(workspace).get(name)


def shown_values(
    warehouse: Warehouse, ticks: TriggerTicks, memory: Memory | None, wanted: str
) -> tuple[ShownValue, ...]:
    """Return the largest values at a tick, or those that are `wanted`: a JSON text, or as people read it."""
    spans = find_numbers(warehouse, ticks, 1, MOST_VALUES if wanted else VALUES_SHOWN)
    if wanted:
        spans = {value: listed for value, listed in spans.items() if wanted in {value, shown_value(value)}}
    usuals = find_usuals(warehouse, ticks)
    holding = _holding(ticks.trigger, ticks.last, spans, usuals)
    known = memory or Memory("", 0)
    return tuple(
        ShownValue(
            decoded_value(value),
            sum(span.number for span in listed),
            None if usuals is None else usuals.of(value, ticks.last),
            key in holding,
            _time(known.holding[key].since if key in known.holding else None),
            _time(known.fired.get(key)),
        )
        for value, listed in spans.items()
        for key in [key_of(value)]
    )


def _holding(trigger: AcrossTrigger, tick: int, spans: Spans, usuals: Usuals | None) -> frozenset[str]:
    return frozenset(evaluate(trigger, None, tick, tick, spans, usuals).memory.holding)


def _time(at: int | None) -> str | None:
    return None if at is None else text_of(at)
