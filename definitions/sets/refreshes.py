"""What `definitions` says of mined traits: when the query of each last ran, what came of it, when it is due. Pure.

Keys: `refresh:main|churn_risk`, what came of the last one; `wanted:main|churn_risk`, that somebody wants one.
"""

from collections.abc import Iterator, Mapping

import msgspec

from definitions.model import Mining, Trait
from definitions.sets.model import DefinitionSet


class Refresh(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last refresh of a trait in a workspace. `token`, `number`: of a later one they are greater.

    `version`: of the definitions. `queried_at`, `ended_at`: ms; the latter 0: it is under way, or broke off. `answers`:
    how often one was wanted by then. Of profiles: `found` have a value, `changed` another one than before, `lost`
    theirs; `unknown` ids are none of the workspace; `misfits` are values that no trait can have. `error`: why it found
    nothing; `is_soon_again`: nobody answered. `succeeded_by`: the version of the definitions by which one last had no
    error, 0: none had; `succeeded_at`: when that was queried.
    """

    token: int
    number: int
    version: int
    queried_at: int
    ended_at: int = 0
    answers: int = 0
    found: int = 0
    changed: int = 0
    lost: int = 0
    unknown: int = 0
    misfits: int = 0
    error: str = ""
    is_soon_again: bool = False
    succeeded_by: int = 0
    succeeded_at: int = 0

    def is_same(self, other: "Refresh") -> bool:
        """Return whether both are of one refresh."""
        return (self.token, self.number) == (other.token, other.number)


class DueRefresh(msgspec.Struct, frozen=True):
    """A trait whose query is to run. `is_new`: no profile has a value by any query; `is_changed`: by this one."""

    trait: Trait
    is_new: bool
    is_changed: bool


SOON_MS = 60_000
"""After so long a query runs again that nobody has answered."""

Sets = Mapping[int, DefinitionSet]
_encode = msgspec.json.Encoder().encode
decode_refresh = msgspec.json.Decoder(Refresh).decode
decode_wanted = msgspec.json.Decoder(int).decode


def name_of(workspace: str, trait: str) -> str:
    """Return the name under which the topic has what it says of a trait in a workspace."""
    return f"{workspace}|{trait}"


def refresh_record(workspace: str, trait: str, refresh: Refresh) -> tuple[bytes, bytes]:
    """Return key and value of what is said of a refresh."""
    return f"refresh:{name_of(workspace, trait)}".encode(), _encode(refresh)


def wanted_record(workspace: str, trait: str, times: int) -> tuple[bytes, bytes]:
    """Return key and value of the wish for a refresh, by how often there was one."""
    return f"wanted:{name_of(workspace, trait)}".encode(), _encode(times)


def mined_traits(of: DefinitionSet, workspace: str) -> Iterator[Trait]:
    """Yield the traits of a set that queries find in a workspace."""
    for trait in of.traits:
        if isinstance(trait.value, Mining) and (not trait.workspaces or workspace in trait.workspaces):
            yield trait


def due_refreshes(  # noqa: PLR0913, PLR0917 - what the topic says, and where and when it is read
    sets: Sets,
    evaluated: DefinitionSet,
    refreshes: Mapping[str, Refresh],
    wanted: Mapping[str, int],
    workspace: str,
    now: int,
) -> Iterator[DueRefresh]:
    """Yield the refreshes that are due now (ms), by the set that is in effect in a workspace.

    A clock that was put back makes everything due: else nothing would be until it has come as far again.
    """
    for trait in mined_traits(evaluated, workspace):
        name = name_of(workspace, trait.name)
        last = refreshes.get(name)
        former = [] if last is None else _former(sets, last.succeeded_by, evaluated.version, trait, workspace)
        is_new = last is None or not last.succeeded_by or None in former
        is_changed = is_new or any(each is not None and _query(each) != _query(trait) for each in former)
        if (
            last is None
            or is_due(last, trait, wanted.get(name, 0), now)
            or _is_other(sets, last, evaluated, trait, workspace)
        ):
            yield DueRefresh(trait, is_new, is_changed)


def is_due(last: Refresh, trait: Trait, wanted: int, now: int) -> bool:
    """Return whether a query is to run after the last time: it broke off, its time has come, or it is wanted."""
    return not last.ended_at or wanted > last.answers or not last.queried_at <= now < next_at(last, trait)


def next_at(last: Refresh, trait: Trait) -> int:
    """Return when the next refresh is due (ms)."""
    assert isinstance(trait.value, Mining)
    every_ms = trait.value.every_ms
    return last.queried_at + (min(every_ms, SOON_MS) if last.is_soon_again else every_ms)


def _is_other(sets: Sets, last: Refresh, evaluated: DefinitionSet, trait: Trait, workspace: str) -> bool:
    """Return whether the trait had another query, or was not there for a while, since it was last refreshed."""
    former = _former(sets, last.version, evaluated.version, trait, workspace)
    return any(each is None or _query(each) != _query(trait) for each in former)


def _former(sets: Sets, since: int, until: int, trait: Trait, workspace: str) -> list[Trait | None]:
    """Return what a trait was in each version; None where its values were forgotten."""
    return [_same(sets.get(version), trait, workspace) for version in range(min(since, until), until)]


def _same(of: DefinitionSet | None, trait: Trait, workspace: str) -> Trait | None:
    mined = () if of is None else mined_traits(of, workspace)
    return next((each for each in mined if (each.name, each.kind) == (trait.name, trait.kind)), None)


def _query(trait: Trait) -> str:
    assert isinstance(trait.value, Mining)
    return trait.value.query
