"""What a plan says of mined traits: whose value the query of each would be today, or why it cannot run."""

from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from definitions.model import Definitions, Mining, Trait
from onefold.definition_plan import DefinitionPlan, QueryTrial
from runtime.errors import OnefoldError, UnreachableError
from settings import Workspace
from warehouse.client import Warehouse
from warehouse.queries.mining import MinedQuery, compare


def tried(
    warehouse: Warehouse, plan: DefinitionPlan, definitions: Definitions, workspaces: Iterable[Workspace]
) -> DefinitionPlan:
    """Return a plan in which each new or changed query was run once. Raises UnreachableError."""
    changed = {each.name for each in plan.differences if each.kind == "trait" and each.change != "removed"}
    mined = [each for each in definitions.traits if each.name in changed and isinstance(each.value, Mining)]
    trials = {trait.name: _trial(warehouse, trait, workspaces) for trait in mined}
    return replace(plan, figures=replace(plan.figures, trials=trials))


def _trial(warehouse: Warehouse, trait: Trait, workspaces: Iterable[Workspace]) -> QueryTrial:
    assert isinstance(trait.value, Mining)
    counts = Counter[str]()
    try:
        for workspace in workspaces:
            if not trait.workspaces or workspace.name in trait.workspaces:
                query = MinedQuery(workspace.name, trait.kind, trait.name, trait.value.query, is_new=True)
                for found in _counts(warehouse, query):
                    counts += found
    except UnreachableError:
        raise
    except OnefoldError as error:
        return QueryTrial(0, 0, 0, str(error))
    return QueryTrial(counts["changed"], counts["unknown"], counts["misfits"])


def _counts(warehouse: Warehouse, query: MinedQuery) -> Iterator[Counter[str]]:
    return (block.counts for block in compare(warehouse, query))
