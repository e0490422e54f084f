"""What the topic `definitions` says: sets, which of them RESOLVE stamps, what is complete, who goes by it. Pure.

Keys: `set:0000000007`, immutable; `stamping:3`, of partition 3 of RESOLVE; `walked:3`, of partition 3 of PROFILE;
`attempt:main`, `complete:main` and `progress:main`, of a workspace; those of mined traits are in `refreshes`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import get_args

import msgspec

from definitions.sets.births import births_for
from definitions.sets.model import DefinitionSet, UnknownLanguage, decode_set, encode_set
from definitions.sets.refreshes import DueRefresh, Refresh, decode_refresh, decode_wanted, due_refreshes
from schemas.records import ProfileKind

_KINDS: tuple[ProfileKind, ...] = get_args(ProfileKind)
_SET, _STAMPING, _WALKED = "set", "stamping", "walked"
_ATTEMPT, _COMPLETE, _PROGRESS = "attempt", "complete", "progress"


class Stamping(msgspec.Struct, frozen=True):
    """RESOLVE stamps `version` in a partition; it has never stamped any below `since`."""

    version: int
    since: int


class BackfillAttempt(msgspec.Struct, frozen=True):
    """The newest attempt to back-fill a workspace. `token`: the process's, which grows; `number`: it grows as well."""

    token: int
    number: int

    @property
    def name(self) -> str:
        """The name in its seeds; that of a later attempt sorts higher."""
        return f"{self.token:019}-{self.number:08}"


class Completion(msgspec.Struct, frozen=True):
    """In a workspace every accumulator born at or before `version` is complete.

    `attempts`: whose seeds count, of this back-fill and those before. `completed_at`: ms. `profiles`: how many got a
    seed. `left_out`: profiles for which it was more than a record holds, of this back-fill and those before.
    """

    version: int
    attempts: tuple[str, ...] = ()
    completed_at: int = 0
    profiles: int = 0
    left_out: tuple[str, ...] = ()


class BackfillProgress(msgspec.Struct, frozen=True):
    """How far a back-fill is in a workspace. `step`: in words. `said_at`: ms. `profiles`: how many got a seed."""

    version: int
    step: str
    said_at: int = 0
    profiles: int = 0

    @property
    def text(self) -> str:
        """The step, and how many profiles have been reached."""
        profiles = "1 profile" if self.profiles == 1 else f"{self.profiles:,} profiles"
        return f"{self.step}, {profiles} so far" if self.profiles else self.step


_encode = msgspec.json.Encoder().encode
_decode_progress = msgspec.json.Decoder(BackfillProgress).decode
_decode_stamping = msgspec.json.Decoder(Stamping).decode
_decode_walked = msgspec.json.Decoder(dict[str, int]).decode
_decode_attempt = msgspec.json.Decoder(BackfillAttempt).decode
_decode_completion = msgspec.json.Decoder(Completion).decode
_OF_WORKSPACES: Mapping[str, tuple[str, Callable[[bytes], object]]] = {
    _ATTEMPT: ("attempts", _decode_attempt),
    _COMPLETE: ("completions", _decode_completion),
    _PROGRESS: ("progress", _decode_progress),
    "refresh": ("refreshes", decode_refresh),
    "wanted": ("wanted", decode_wanted),
}
"""Of what is said of a workspace, or a trait there: the field of a publication, and what decodes it."""


class Publication(msgspec.Struct, frozen=True):
    """All that the topic says up to a position; `with_record` returns the next one.

    `unknown`: of each set that this release does not understand, why. `walked`: by partition of PROFILE, the version by
    workspace that it has evaluated everybody by. `refreshes`, `wanted`: by workspace and trait (`refreshes.name_of`).
    """

    sets: Mapping[int, DefinitionSet] = MappingProxyType({})
    unknown: Mapping[int, UnknownLanguage] = MappingProxyType({})
    stampings: Mapping[int, Stamping] = MappingProxyType({})
    walked: Mapping[int, Mapping[str, int]] = MappingProxyType({})
    attempts: Mapping[str, BackfillAttempt] = MappingProxyType({})
    completions: Mapping[str, Completion] = MappingProxyType({})
    progress: Mapping[str, BackfillProgress] = MappingProxyType({})
    refreshes: Mapping[str, Refresh] = MappingProxyType({})
    wanted: Mapping[str, int] = MappingProxyType({})

    def with_record(self, key: bytes | None, value: bytes | None) -> "Publication":
        """Return what the topic says with one more record. Raises ValueError for what is none of these."""
        kind, _, name = (key or b"").decode().partition(":")
        if value is None:
            return self
        match kind:
            case "set":
                return self._with_set(int(name), value)
            case "stamping":
                stampings = {**self.stampings, int(name): _decode_stamping(value)}
                return msgspec.structs.replace(self, stampings=stampings)
            case "walked":
                return msgspec.structs.replace(self, walked={**self.walked, int(name): _decode_walked(value)})
            case "attempt" | "complete" | "progress" | "refresh" | "wanted":
                field, decode = _OF_WORKSPACES[kind]
                return msgspec.structs.replace(self, **{field: {**getattr(self, field), name: decode(value)}})
            case _:
                return self

    def _with_set(self, version: int, value: bytes) -> "Publication":
        try:
            return msgspec.structs.replace(self, sets={**self.sets, version: decode_set(value)})
        except UnknownLanguage as error:
            return msgspec.structs.replace(self, unknown={**self.unknown, version: error})

    @property
    def version(self) -> int:
        """The version of the newest set; 0 if there is none."""
        return max((*self.sets, *self.unknown), default=0)

    @property
    def newest(self) -> DefinitionSet | None:
        """The newest set. Raises UnknownLanguage if this release does not understand it."""
        if self.version in self.unknown:
            raise self.unknown[self.version]
        return self.sets.get(self.version)

    def up_to(self, last: DefinitionSet | None) -> Iterator[DefinitionSet]:
        """Yield the sets up to one, in the order of versions; of none nothing."""
        for version in sorted(self.sets):
            if last is not None and version <= last.version:
                yield self.sets[version]

    def following(self, last: DefinitionSet | None) -> Iterator[DefinitionSet]:
        """Yield the sets after one, or all, the newest first. Raises UnknownLanguage as `newest` does."""
        if self.newest is None:
            return
        for version in sorted(self.sets, reverse=True):
            if last is None or version > last.version:
                yield self.sets[version]

    def never_below(self, partitions: int) -> int:
        """Return a version below which no event was ever stamped, by any of so many partitions; 0 if unknown."""
        if any(partition not in self.stampings for partition in range(partitions)):
            return 0
        return min(stamping.since for stamping in self.stampings.values())

    def is_beginning(self, partitions: int) -> bool:
        """Return whether it is about to turn out that no event is older than the first set: worth a moment's wait."""
        if not self.sets or self.completions or self.never_below(partitions):
            return False
        return all(stamping.since for stamping in self.stampings.values())

    def stamped_everywhere(self, partitions: int) -> int:
        """Return the highest version below which no partition stamps any more."""
        return min((self.stampings[each].version if each in self.stampings else 0) for each in range(partitions))

    def walked_to(self, workspace: str, partitions: int) -> int:
        """Return the version that everybody in a workspace is evaluated by, whether events come of them or not."""
        return min(self.walked.get(each, {}).get(workspace, 0) for each in range(partitions))

    def complete_to(self, workspace: str, partitions: int) -> int:
        """Return the version such that what was born at or before it is complete in a workspace."""
        completion = self.completions.get(workspace)
        return max(completion.version if completion else 0, self.never_below(partitions))

    def evaluated(self, workspace: str, partitions: int) -> DefinitionSet | None:
        """Return the newest set of which everything is complete in a workspace: by it profiles are evaluated."""
        complete_to = self.complete_to(workspace, partitions)
        for version in sorted(self.sets, reverse=True):
            if newest_birth(self.sets[version], workspace) <= complete_to:
                return self.sets[version]
        return None

    def due_refreshes(self, workspace: str, partitions: int, now: int) -> tuple[DueRefresh, ...]:
        """Return the mined traits whose query is to run in a workspace now (ms)."""
        evaluated = self.evaluated(workspace, partitions)
        if evaluated is None:
            return ()
        return tuple(due_refreshes(self.sets, evaluated, self.refreshes, self.wanted, workspace, now))


def newest_birth(of: DefinitionSet, workspace: str) -> int:
    """Return the highest birth of anything that is accumulated in a workspace; 0 if there is nothing."""
    return max((birth for kind in _KINDS for birth in births_for(of, workspace, kind).values()), default=0)


def set_record(of: DefinitionSet) -> tuple[bytes, bytes]:
    """Return key and value of a set."""
    return b"%b:%010d" % (_SET.encode(), of.version), encode_set(of)


def stamping_record(partition: int, stamping: Stamping) -> tuple[bytes, bytes]:
    """Return key and value of what RESOLVE says of one partition."""
    return f"{_STAMPING}:{partition}".encode(), _encode(stamping)


def walked_record(partition: int, versions: Mapping[str, int]) -> tuple[bytes, bytes]:
    """Return key and value of what PROFILE says of one partition."""
    return f"{_WALKED}:{partition}".encode(), _encode(versions)


def attempt_record(workspace: str, attempt: BackfillAttempt) -> tuple[bytes, bytes]:
    """Return key and value of what a back-fill says before its first seed."""
    return f"{_ATTEMPT}:{workspace}".encode(), _encode(attempt)


def completion_record(workspace: str, completion: Completion) -> tuple[bytes, bytes]:
    """Return key and value of what a back-fill says at its end."""
    return f"{_COMPLETE}:{workspace}".encode(), _encode(completion)


def progress_record(workspace: str, progress: BackfillProgress) -> tuple[bytes, bytes]:
    """Return key and value of what a back-fill says on its way."""
    return f"{_PROGRESS}:{workspace}".encode(), _encode(progress)


def published_by(records: Iterable[tuple[bytes | None, bytes | None]]) -> Publication:
    """Return what records of the topic say, in their order."""
    publication = Publication()
    for key, value in records:
        publication = publication.with_record(key, value)
    return publication
