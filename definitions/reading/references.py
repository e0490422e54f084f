"""What several definitions say together: unique names, known ones, of one kind and workspace, and no circles."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from definitions.model import ORDERINGS, Operator, Scalar, Segment, Statistical, Trait, Trigger
from definitions.paths import quoted_path
from definitions.reading.contradictions import passing
from definitions.reading.documents import Defined, Parsed
from definitions.reading.levels import MAX_LEVELS, levels_of
from definitions.reading.names import is_name, look_alike
from definitions.reading.nodes import FileReport, Reference
from definitions.reading.slips import NearNames
from definitions.reading.traits import AS_SENT
from definitions.reading.types import ANYTHING, Kinds, TraitKinds, beyond, misfit, said_of
from runtime.hints import did_you_mean

ParsedIn: TypeAlias = tuple[Parsed, FileReport]
Named: TypeAlias = Mapping[str, ParsedIn]
MAX_SHOWN = 20
OF_ANYTHING = frozenset({Operator.EXISTS, Operator.NOT_EQUALS, Operator.NOT_IN, Operator.NOT_CONTAINS})
"""They may hold where there is no value, too."""
_FOLDERS = {"segment": "segments", "destination": "destinations"}


def refuse_repeated(definitions: Sequence[ParsedIn], kind: str) -> None:
    """Find names that are defined twice, or computed under names that people cannot tell from each other."""
    named: dict[str, ParsedIn] = {}
    alike: dict[str, ParsedIn] = {}
    for parsed, report in definitions:
        other = named.setdefault(parsed.name, (parsed, report))
        if other[0] is parsed and parsed.defined is not None:
            other = alike.setdefault(look_alike(parsed.name), (parsed, report))
        if other[0] is parsed:
            continue
        hint = f"first in {other[1].file}:{other[0].node.line}: rename or remove one"
        if other[0].name == parsed.name:
            report.add(parsed.node, f"the {kind} {parsed.name!r} is defined twice", hint)
        else:
            message = f"the {kind} {parsed.name!r} is hardly told from the {kind} {other[0].name!r}"
            report.add(parsed.node, message, hint)


def refuse_wrong_references(
    traits: Sequence[ParsedIn],
    segments: Sequence[ParsedIn],
    triggers: Sequence[ParsedIn],
    destinations: Sequence[ParsedIn],
    is_all_known: bool,
) -> None:
    """Find what a definition names and cannot have: unknown, of another kind or workspace, of an impossible value.

    `is_all_known`: every file could be read; else a name may be defined in one that could not.
    """
    known = {
        "trait": {parsed.name: (parsed, report) for parsed, report in traits},
        "segment": {parsed.name: (parsed, report) for parsed, report in segments},
        "destination": {parsed.name: (parsed, report) for parsed, report in destinations},
    }
    defined = {name: parsed.defined for name, (parsed, _) in known["trait"].items()}
    kinds = TraitKinds({name: trait for name, trait in defined.items() if isinstance(trait, Trait)})
    near_traits = NearNames(known["trait"])
    for parsed, report in (*traits, *segments, *triggers, *destinations):
        for reference in parsed.references:
            if reference.of not in known:
                continue  # others of this module, and `refuse_undefined_conditions`, have them
            named = known[reference.of]
            if reference.path[0] not in named:
                if is_all_known:
                    _refuse_unknown(reference, named, near_traits, report)
                continue
            target = named[reference.path[0]][0].defined
            _refuse_other_profiles(parsed.defined, target, reference, report)
            if isinstance(target, Trait):
                values = kinds.values_of(target.name)
                _refuse_impossible(target, kinds.of(target.name), values, reference, report)
    _refuse_circles(known["trait"], known["segment"])
    _refuse_high(known["trait"], known["segment"])


def refuse_unknown_namespaces(destinations: Sequence[ParsedIn], namespaces: Sequence[str]) -> None:
    """Find identifiers that a mapping sends and nobody has, as `identity.yaml` has no such namespace."""
    for parsed, report in destinations:
        for reference in parsed.references:
            name = reference.path[0]
            if reference.of == "namespace" and name not in namespaces:
                hint = f"{did_you_mean(name, namespaces)}; identity.yaml defines them"
                report.add_at(reference.line, reference.column, f"there are no identifiers {name!r}", hint)


def refuse_taken_names(destinations: Sequence[ParsedIn]) -> None:
    """Find former names of a destination that another one has, or has had: what is kept there is of one alone."""
    owners = {parsed.name: parsed.name for parsed, _ in destinations}
    for parsed, report in destinations:
        for reference in parsed.references:
            if reference.of != "former":
                continue
            owner = owners.setdefault(reference.path[0], parsed.name)
            if owner != parsed.name:
                message = f"the former name {reference.path[0]!r} is one of the destination {owner!r}"
                report.add_at(reference.line, reference.column, message, "a name has one destination: remove it here")


def _refuse_unknown(reference: Reference, named: Named, near_traits: NearNames, report: FileReport) -> None:
    name = reference.path[0]
    if reference.of == "trait":
        meant = near_traits.near(name) if is_name(name) else None  # another one is sent: none can be defined
        if meant is not None:
            hint = f"did you mean {meant!r}? If {name!r} is sent, say so: `- {{trait: {name}, merge: {AS_SENT}}}`"
            report.add_at(reference.line, reference.column, f"no trait {name!r} is defined, but {meant!r} is", hint)
        return
    hint = did_you_mean(name, named) or "none is defined yet"
    if len(named) > MAX_SHOWN and not hint.startswith("did"):
        hint = f"{len(named)} others are defined"
    message = f"there is no {reference.of} {name!r}"
    report.add_at(reference.line, reference.column, message, f"{hint}; {_FOLDERS[reference.of]}/*.yaml define them")


def _refuse_other_profiles(reader: Defined | None, target: Defined | None, of: Reference, report: FileReport) -> None:
    """Who reads and what is read are of the same profiles."""
    if not isinstance(reader, Segment | Trait | Trigger) or not isinstance(target, Segment | Trait):
        return
    said = f"{of.of} {of.path[0]!r}"
    if reader.kind != target.kind:
        message = f"the {said} is of kind {target.kind!r}, and this of kind {reader.kind!r}"
        report.add_at(of.line, of.column, message, "a profile knows what is of its own kind only")
    missing = sorted(set(reader.workspaces) - set(target.workspaces))
    if target.workspaces and (missing or not reader.workspaces):
        where = f"workspace {missing[0]!r}" if missing else "all workspaces"
        hint = f"`workspaces: [{', '.join(target.workspaces)}]` here, or more of them there"
        message = f"the {said} is of {', '.join(map(repr, target.workspaces))}, and this of {where}"
        report.add_at(of.line, of.column, message, hint)


def _refuse_impossible(
    target: Trait, kinds: Kinds, values: Sequence[Scalar], reference: Reference, report: FileReport
) -> None:
    """Find what no value of the trait can be asked for; `values`: all that it can have, none if any others can be."""
    if len(reference.path) > 1:
        if kinds != ANYTHING:
            message = f"the trait {target.name!r} is no object, and has nothing at {quoted_path(reference.path[1:])}"
            report.add_at(reference.line, reference.column, message, f"compare {target.name!r} itself")
        return
    if reference.needs and not kinds & {reference.needs, "text" if reference.needs == "time" else reference.needs}:
        message = f"the trait {target.name!r} is never a {reference.needs}, which is needed here"
        report.add_at(reference.line, reference.column, message, f"it is {said_of(kinds)}")
        return
    for comparison in reference.comparisons:
        reason = misfit(comparison, kinds)
        if reason is not None:
            message = f"the trait {target.name!r} is {reason}"
            report.add_at(reference.line, reference.column, message, "compare what it can be")
            return
    if isinstance(target.value, Statistical) and (
        reason := beyond([each for each in reference.comparisons if each.operator in ORDERINGS], target.value.aggregate)
    ):
        message = f"the trait {target.name!r} is {reason}"
        report.add_at(reference.line, reference.column, message, "compare it with what it can be")
        return
    compared = [each for each in reference.comparisons if each.operator not in OF_ANYTHING]
    if values and compared and not passing(values, compared):
        wanted = compared[0].operand if isinstance(compared[0].operand, tuple) else (compared[0].operand,)
        message = f"the trait {target.name!r} is never {' or '.join(map(repr, wanted))}"
        if compared[0].operator not in {Operator.EQUALS, Operator.IN}:
            message = f"no value of the trait {target.name!r} passes {compared[0].operator.value!r}"
        hint = did_you_mean(str(wanted[0]), dict.fromkeys(map(str, values)))
        report.add_at(reference.line, reference.column, message, hint)


def _refuse_circles(traits: Named, segments: Named) -> None:
    """Find every circle once, at the definition in it that comes first in the order of files."""
    graph: dict[tuple[str, str], list[tuple[tuple[str, str], Reference]]] = {}
    reports: dict[tuple[str, str], FileReport] = {}
    for kind, named in (("trait", traits), ("segment", segments)):
        for name, (parsed, report) in named.items():
            reports[kind, name] = report
            graph[kind, name] = [
                ((each.of, each.path[0]), each)
                for each in parsed.references
                if each.of not in {"destination", "former"}
            ]
    for circle, reference in _circles(graph):
        if len(circle) == 2:
            message = f"the {circle[0][0]} {circle[0][1]!r} is made of itself"
            hint = "what is sent under its name is hidden by the definition: rename one" if "trait" in circle[0] else ""
        else:
            message = "a circle: " + " -> ".join(f"{kind} {name!r}" for kind, name in circle)
            hint = "none of them can be computed first: take one of the references out"
        reports[circle[0]].add_at(reference.line, reference.column, message, hint)


def _refuse_high(traits: Named, segments: Named) -> None:
    """Find what is the first to lie too high: not what lies above it, which is well once that one is."""
    located = {("trait", name): each for name, each in traits.items()}
    located |= {("segment", name): each for name, each in segments.items()}
    defined = [parsed.defined for parsed, _ in located.values()]
    levels = levels_of(
        [each for each in defined if isinstance(each, Trait)], [each for each in defined if isinstance(each, Segment)]
    )
    for (kind, name), height in levels.items():
        parsed, report = located[kind, name]
        below = max((levels.get((each.of, each.path[0]), 0) for each in parsed.references), default=0)
        if below <= MAX_LEVELS < height:
            message = f"the {kind} {name!r} is computed of others in {height} levels, one on the other"
            hint = f"at most {MAX_LEVELS}: compute it of fewer that are computed of each other"
            report.add(parsed.node, message, hint)


def _circles(
    graph: Mapping[tuple[str, str], list[tuple[tuple[str, str], Reference]]],
) -> Iterator[tuple[list[tuple[str, str]], Reference]]:
    """Yield circles, each with the reference that begins it; a walk in depth without recursion."""
    done: set[tuple[str, str]] = set()
    for root in graph:
        path: list[tuple[str, str]] = []
        taken: dict[tuple[str, str], Reference] = {}
        stack: list[tuple[tuple[str, str], Iterator[tuple[tuple[str, str], Reference]]]] = []
        if root in done:
            continue
        path.append(root)
        stack.append((root, iter(graph[root])))
        while stack:
            node, following = stack[-1]
            step = next(following, None)
            if step is None:
                stack.pop()
                path.pop()
                done.add(node)
                continue
            target, reference = step
            taken[node] = reference
            if target in path:
                start = path.index(target)
                yield [*path[start:], target], taken[target]
            elif target in graph and target not in done:
                path.append(target)
                stack.append((target, iter(graph[target])))
