"""Each operation of a facet, over all facets of a profile that define it, in the order of its fields.

The loops are written out as source when this module is imported: a call in a loop over facets of many types costs
twice as much as one on its own line (docs/decisions/0014). `add`, for example, becomes

    def add(state, event, moment):
        changed = []
        changed += state.identifiers.add(event, moment)
        changed += state.traits.add(event, moment)
        ...
        return changed
"""

from collections.abc import Callable
from typing import Any

from definitions import NEVER
from schemas.records import Event, Profile
from streams.fold.facet import Facet
from streams.fold.moment import FoldContext, Moment
from streams.fold.state import FACETS, ProfileState


def defining(operation: str) -> list[str]:
    """Return the names of the facets that do something in an operation."""
    return [name for name, facet in FACETS.items() if getattr(facet, operation) is not getattr(Facet, operation)]


def _written_out(head: str, begin: str, each: str, end: str) -> Any:
    operation = head.partition("(")[0]
    lines = [begin, *(each.replace("FACET", name) for name in defining(operation)), end]
    source = f"def {head}:\n" + "".join(f"    {line}\n" for line in lines)
    scope: dict[str, Any] = {"ProfileState": ProfileState}
    exec(compile(source, f"<{operation} over all facets>", "exec"), scope)  # noqa: S102 - source of our own, above
    return scope[operation]


add: Callable[[ProfileState, Event, Moment], list[str]] = _written_out(
    "add(state, event, moment)",
    begin="changed = []",
    each="changed += state.FACET.add(event, moment)",
    end="return changed",
)
unite: Callable[[ProfileState, ProfileState, Moment], None] = _written_out(
    "unite(state, other, moment)",
    begin="state.as_of = moment.as_of",
    each="state.FACET.unite(other.FACET, moment)",
    end="return",
)
deadline: Callable[[ProfileState], int] = _written_out(
    "deadline(state)",
    begin=f"as_of, earliest = state.as_of, {NEVER}",
    each="if (deadline := state.FACET.deadline(as_of)) < earliest: earliest = deadline",
    end="return earliest",
)
advance: Callable[[ProfileState, Moment], None] = _written_out(
    "advance(state, moment)",
    begin="state.as_of = moment.as_of",
    each="state.FACET.advance(moment)",
    end="return",
)
render: Callable[[ProfileState, Profile, FoldContext], None] = _written_out(
    "render(state, record, context)",
    begin="as_of = state.as_of",
    each="state.FACET.render(record, context, as_of)",
    end="return",
)
forget: Callable[[ProfileState, Moment], None] = _written_out(
    "forget(state, moment)", begin="", each="state.FACET.forget(moment)", end="return"
)
retire: Callable[[ProfileState, Moment], None] = _written_out(
    "retire(state, moment)", begin="", each="state.FACET.retire(moment)", end="return"
)
outlast: Callable[[ProfileState], ProfileState] = _written_out(
    "outlast(state)",
    begin="kept = ProfileState(state.as_of)",
    each="kept.FACET = state.FACET.outlast()",
    end="return kept",
)
