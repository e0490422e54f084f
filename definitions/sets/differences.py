"""What is different between two sets, by meaning: titles, comments and the order of files are none. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, TypeAlias

import msgspec

from definitions.consent import NO_RULES, RULES_FILE
from definitions.destinations import Destination
from definitions.model import AcrossTrigger, ConsentComparison, Definitions, InSegment, Segment, Trait, Trigger
from definitions.plan.conditions import conditions_of, leaves
from definitions.plan.sought import traits_read
from definitions.sets.destination_keys import changed_keys
from definitions.sets.model import DefinitionSet
from definitions.sets.publication import Publication

DefinitionKind: TypeAlias = Literal["trait", "segment", "trigger", "destination", "consent"]
Definition: TypeAlias = Trait | Segment | Trigger | AcrossTrigger | Destination
Name: TypeAlias = tuple[DefinitionKind, str]
Read: TypeAlias = tuple[DefinitionKind | Literal["purpose"], str]
"""What a definition reads: another one, or the default of a purpose."""

_MARKS = {"added": "+", "removed": "-", "changed": "~", "affected": "~"}


class Difference(msgspec.Struct, frozen=True, order=True):
    """One item that is added, removed, changed itself, or affected: it reads something that is changed.

    `former_name`: what a destination was called, which is renamed and goes on; `keys`: of its file, those that say
    something else.
    """

    kind: DefinitionKind
    name: str
    change: Literal["added", "affected", "changed", "removed"]
    former_name: str = ""
    keys: tuple[str, ...] = ()


def differences(former: Definitions, new: Definitions) -> tuple[Difference, ...]:
    """Return what becomes different, by kind and name."""
    before, after = items(former), items(new)
    found = dict.fromkeys(after.keys() - before.keys(), "added")
    found |= dict.fromkeys(before.keys() - after.keys(), "removed")
    found |= {name: "changed" for name in after.keys() & before.keys() if meaning(before[name]) != meaning(after[name])}
    former_names = _former_names(former, new)
    for new_name, former_name in former_names.items():
        found["destination", new_name] = "changed"
        del found["destination", former_name]
    for name in _affected(after, (*found.keys(), *_other_defaults(former, new))):
        found.setdefault(name, "affected")
    if former.consent != new.consent:
        added, removed = former.consent == NO_RULES, new.consent == NO_RULES
        found["consent", RULES_FILE] = "added" if added else "removed" if removed else "changed"
    keys = _changed_keys(former, new, former_names)
    return tuple(
        sorted(
            Difference(kind, name, change)  # type: ignore[arg-type]
            if kind != "destination"
            else Difference(kind, name, change, former_names.get(name, ""), keys.get(name, ()))  # type: ignore[arg-type]
            for (kind, name), change in found.items()
        )
    )


def readers(definitions: Definitions, trait: str) -> tuple[str, ...]:
    """Return what reads a trait, each as its kind and name."""
    named = sorted(items(definitions).items())
    return tuple(f"{kind} {name}" for (kind, name), item in named if ("trait", trait) in _read_by(item))


def in_short(different: Iterable[Difference], most: int | None = None) -> str:
    """Return names with marks, such as `+pros, -buyers`; of more than `most` the first."""
    texts = [f"{_MARKS[each.change]}{each.name}" for each in different]
    more = "" if most is None or len(texts) <= most else f" and {len(texts) - most:,} more"
    return ", ".join(texts[:most]) + more


def segments_since(publication: Publication, workspace: str) -> dict[str, DefinitionSet]:
    """Return the set since which each segment of a workspace has meant what it means now, by name.

    Raises UnknownLanguage.
    """
    since: dict[str, DefinitionSet] = {}
    if publication.newest is None:
        return since
    meanings = {
        each.name: meaning(each)
        for each in publication.newest.segments
        if not each.workspaces or workspace in each.workspaces
    }
    for version in sorted(publication.sets, reverse=True):
        of = publication.sets[version]
        before = {each.name: meaning(each) for each in of.segments}
        meanings = {name: said for name, said in meanings.items() if before.get(name) == said}
        since |= dict.fromkeys(meanings, of)
    return since


def segments_ever(publication: Publication, workspace: str) -> frozenset[str]:
    """Return the names of all segments that any version defines for a workspace."""
    return frozenset(
        each.name
        for of in publication.sets.values()
        for each in of.segments
        if not each.workspaces or workspace in each.workspaces
    )


def trigger_since(publication: Publication, last: DefinitionSet, name: str) -> DefinitionSet:
    """Return the set since which a trigger of a set has meant what it means there."""
    since, meant = last, None
    for of in sorted(publication.up_to(last), key=lambda each: each.version, reverse=True):
        means = {each.name: meaning(each) for each in of.triggers}.get(name)
        if meant is not None and means != meant:
            break
        since, meant = of, means
    return since


def items(definitions: Definitions) -> dict[Name, Definition]:
    """Return everything that is defined, by kind and name."""
    named: dict[Name, Definition] = {}
    for kind, defined in _by_kind(definitions):
        named |= {(kind, each.name): each for each in defined}
    return named


def meaning(item: Definition) -> bytes:
    """Return what is the same for two items that mean the same."""
    return msgspec.json.encode(msgspec.structs.replace(item, title="", description=""))


def _by_kind(definitions: Definitions) -> Iterator[tuple[DefinitionKind, Iterable[Definition]]]:
    yield "trait", definitions.traits
    yield "segment", definitions.segments
    yield "trigger", (*definitions.triggers, *definitions.across)
    yield "destination", definitions.destinations


def _former_names(former: Definitions, new: Definitions) -> dict[str, str]:
    """Return by the new name of each destination that is renamed, and says so, what it was called."""
    before, after = ({each.name for each in of.destinations} for of in (former, new))
    gone = {each.kept_as: each.name for each in former.destinations if each.name not in after}
    return {
        each.name: gone[each.kept_as]
        for each in new.destinations
        if each.name not in before and gone.get(each.kept_as) in each.names
    }


def _changed_keys(former: Definitions, new: Definitions, former_names: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return by the name of each destination that goes on the keys of its file that say something else."""
    before = {each.name: each for each in former.destinations}
    pairs = ((before.get(former_names.get(each.name, each.name)), each) for each in new.destinations)
    return {each.name: changed_keys(was, each) for was, each in pairs if was is not None}


def _other_defaults(former: Definitions, new: Definitions) -> Iterator[Read]:
    """Yield the purposes of which another default decides about whoever has said nothing."""
    before, after = former.consent.defaults, new.consent.defaults
    yield from (("purpose", name) for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _affected(defined: Mapping[Name, Definition], different: Iterable[Read]) -> set[Name]:
    """Return what reads something that is different, over any number of steps."""
    known = set[Read](different)
    affected = set[Name]()
    read = {name: set(_read_by(item)) for name, item in defined.items()}
    while more := {name for name, names in read.items() if name not in known and names & known}:
        known |= more
        affected |= more
    return affected


def _read_by(item: Definition) -> Iterator[Read]:
    yield from (("trait", path[0]) for path in traits_read(item))
    if isinstance(item, Segment | Trait | Trigger):
        for condition in conditions_of(item):
            for leaf in leaves(condition):
                match leaf:
                    case InSegment(name):
                        yield "segment", name
                    case ConsentComparison(purpose=purpose, answer="allowed"):
                        yield "purpose", purpose
                    case _:
                        pass
