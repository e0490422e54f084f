"""What a plan says of names that nobody has sent: events, their properties, and traits that no definition computes."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Literal

from definitions.destinations import Destination
from definitions.model import Definitions, EventMatcher, Field, Path, Root
from definitions.paths import path_text
from definitions.plan.sought import IDENTIFY, Sought, sought_by, traits_read
from definitions.sets.differences import items
from onefold.definition_plan import DefinitionPlan, Unseen
from runtime.hints import closest
from warehouse.client import Warehouse
from warehouse.queries.definition_predictions import SentNames, sent_events, sent_names

Touched = Mapping[str, Sequence[EventMatcher]]
"""By kind and name of a definition, the events that it looks for."""

_WHAT: Mapping[Root, Literal["property", "context", "trait"]] = {
    "properties": "property",
    "context": "context",
    "traits": "trait",
}


def unseen_by(
    warehouse: Warehouse, workspaces: Collection[str], plan: DefinitionPlan, definitions: Definitions, touched: Touched
) -> dict[str, tuple[Unseen, ...]]:
    """Return what each definition that is not as before looks for in vain, by its kind and name."""
    if not workspaces:
        return {}
    sought = _sought(plan, definitions)
    unseen = {name: [*each] for name, each in _unknown_workspaces(plan, definitions, workspaces)}
    for name, each in _unseen_events(warehouse, workspaces, touched):
        unseen.setdefault(name, []).extend(each)
    wanted = set(chain.from_iterable(sought.values()))
    sent = sent_names(warehouse, workspaces, wanted) if wanted else ()
    for name, fields in sought.items():
        if found := list(_unseen_fields(fields, sent)):
            unseen.setdefault(name, []).extend(found)
    return {name: tuple(each) for name, each in unseen.items()}


def _sought(plan: DefinitionPlan, definitions: Definitions) -> dict[str, list[Sought]]:
    """Return what definitions look for, each once; not the traits that another one computes."""
    defined = items(definitions)
    computed = {trait.name for trait in definitions.traits}
    sought = dict[str, list[Sought]]()
    for difference in plan.differences:
        item = defined.get((difference.kind, difference.name))
        if item is not None:
            sent = (path for path in traits_read(item) if path[0] not in computed)
            traits = (Sought(IDENTIFY, Field(path, "traits")) for path in sent)
            sought[f"{difference.kind} {difference.name}"] = list(dict.fromkeys((*sought_by(item), *traits)))
    return sought


def _unknown_workspaces(
    plan: DefinitionPlan, definitions: Definitions, workspaces: Collection[str]
) -> Iterator[tuple[str, list[Unseen]]]:
    defined = items(definitions)
    for difference in plan.differences:
        item = defined.get((difference.kind, difference.name))
        named = () if item is None or isinstance(item, Destination) else item.workspaces
        if unknown := [name for name in named if name not in workspaces]:
            found = [Unseen(name, closest(name, workspaces), "workspace") for name in unknown]
            yield f"{difference.kind} {difference.name}", found


def _unseen_events(
    warehouse: Warehouse, workspaces: Collection[str], touched: Touched
) -> Iterator[tuple[str, list[Unseen]]]:
    named = {name: list(dict.fromkeys(_event_names(matchers))) for name, matchers in touched.items()}
    wanted = {event for events in named.values() for event in events}
    if not wanted:
        return
    sent, known = sent_events(warehouse, workspaces, wanted)
    for name, events in named.items():
        if unseen := [Unseen(event, closest(event, known)) for event in events if event not in sent]:
            yield name, unseen


def _event_names(matchers: Iterable[EventMatcher]) -> Iterator[str]:
    return (call.name for matcher in matchers for call in matcher.calls if call.name is not None)


def _unseen_fields(sought: Iterable[Sought], sent: Iterable[SentNames]) -> Iterator[Unseen]:
    """Yield the fields that no event of the right calls has; that there is no such event is said by its name."""
    for calls, field in sought:
        rows = [row for row in sent if row.is_any_of(calls)]
        path, root = field.path, field.root
        if (rows or calls == IDENTIFY) and not any(path[0] in row.wanted[root] for row in rows):
            known = sorted({name for row in rows for name in row.known[root]})
            yield Unseen(path_text(path), _resembling(path, known), _WHAT[root])


def _resembling(path: Path, known: Sequence[str]) -> str | None:
    """Return what may be meant by a path of which nobody has sent the first name.

    Names with a dot are taken for a path, and the other way round.
    """
    for length in range(len(path), 1, -1):
        if (flat := ".".join(path[:length])) in known:
            return path_text((flat, *path[length:]))
    outer, dot, inner = path[0].partition(".")
    if dot and outer in known:
        return path_text((outer, *inner.split("."), *path[1:]))
    close = closest(path[0], known)
    return None if close is None else path_text((close, *path[1:]))
