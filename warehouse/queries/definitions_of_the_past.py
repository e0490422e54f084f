"""Computes what new definitions need of the past: the states of their accumulators, for a back-fill.

An event counts by its stamp, the version of the definitions that was known when it was routed: those stamped below a
version are in the states, all others PROFILE folds itself (docs/decisions/0034). That the events are all there is for
the caller to wait for.
"""

from collections.abc import Iterator, Sequence

from definitions.plan import Accumulator
from definitions.sql import States, StatesQuery
from schemas.records import ProfileKind
from warehouse.client import Warehouse
from warehouse.queries.definitions import source_of

_SETTINGS = {
    # What is beyond goes to disk, so that a workspace of any size fits.
    "max_bytes_before_external_group_by": "1000000000",
    "max_bytes_before_external_sort": "1000000000",
}


def states(  # noqa: PLR0913 - what is queried, field by field
    warehouse: Warehouse,
    workspace: str,
    kind: ProfileKind,
    accumulators: Sequence[Accumulator],
    version: int,
    *,
    since: int | None = None,
) -> Iterator[tuple[str, States]]:
    """Yield each profile with its states, by accumulator id, of the events stamped below a version.

    They come in the order of ids, as the states of profiles lie in a store: neighbours are read and written at less
    cost. An empty state is left out, and so is a profile with none. `since`: a time (ms) that no profile is evaluated
    before.
    Raises TransientError or TerminalError, also on the way.
    """
    if not accumulators:
        return
    query = StatesQuery(accumulators, since)
    condition = f"definitions < {version} AND {query.wanted()}"
    source = source_of(workspace, kind, condition)
    for batch in warehouse.stream(query.selected(source.events), settings=_SETTINGS):
        yield from query.read(batch)
