"""Which definitions a worker goes by: follows the topic `definitions` and compiles what it says (docs/decisions/0034).

A stage asks once for each batch, and so takes a new set over between two batches. Until a set is complete in a
workspace its profiles are evaluated by the one before. What a set needs is accumulated from its adoption on, also when
another set follows: the back-fill that is under way may complete the earlier one first.
"""

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple, get_args

import msgspec
from confluent_kafka import Message

from definitions import Definitions, Program, compile_program
from definitions.destinations import Destination
from definitions.plan import accumulators_of, narrowed
from definitions.sets import DefinitionSet, Publication, births_for
from definitions.sets.topic import ensure_topic
from definitions.streaming.accumulators import CompiledAccumulator, compile_accumulator
from definitions.streaming.program import destinations_by_segment, fingerprint
from runtime.kafka.following import Follower
from runtime.kafka.topics import create_topics
from schemas import topics
from schemas.records import ProfileKind
from settings import Settings
from streams import metrics

log = logging.getLogger(__name__)

BEGINNING_WITHIN_S = 20.0
"""So long PROFILE waits at most for every partition of RESOLVE to say that it never knew other definitions."""

_KEPT_PROGRAMS = 16
"""So many programs of former sets stay compiled."""
_KINDS: tuple[ProfileKind, ...] = get_args(ProfileKind)

Programs = Mapping[tuple[str, ProfileKind], Program]
"""By workspace and kind of profiles."""

Destinations = Mapping[tuple[str, str], tuple[Destination, ...]]
"""By workspace and segment, where its changes are sent."""


class FormerProgram(NamedTuple):
    """What a set that was in effect before, of a version, made of the profiles of a kind in a workspace."""

    version: int
    program: Program


_Scope = tuple[int, str, ProfileKind]
"""A version, and whose profiles it is about: a workspace and a kind."""


class _KnownSets:
    """What was worked out of sets, which never change: all fingerprints, and the programs that were asked for last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fingerprints: dict[_Scope, str] = {}
        self._programs: OrderedDict[_Scope, Program] = OrderedDict()

    def fingerprint(self, of: DefinitionSet, workspace: str, kind: ProfileKind) -> str:
        """Return the fingerprint of a set's program."""
        scope = (of.version, workspace, kind)
        if scope not in self._fingerprints:
            births = births_for(of, workspace, kind)
            self._fingerprints[scope] = fingerprint(narrowed(of.definitions, workspace, kind), births)
        return self._fingerprints[scope]

    def program(self, of: DefinitionSet, workspace: str, kind: ProfileKind) -> Program:
        """Return a set's program."""
        scope = (of.version, workspace, kind)
        with self._lock:
            program = self._programs.pop(scope, None) or _compile(of, workspace, kind)
            self._programs[scope] = program
            if len(self._programs) > _KEPT_PROGRAMS:
                self._programs.popitem(last=False)
            return program


class FormerPrograms:
    """The programs of all sets before the one in effect, however old, each compiled when it is asked for."""

    def __init__(self, publication: Publication, evaluated: Mapping[str, int], known: _KnownSets) -> None:
        self._publication = publication
        self._evaluated = evaluated
        self._known = known
        self._versions: dict[tuple[str, ProfileKind, str], int | None] = {}

    def find(self, workspace: str, kind: ProfileKind, wanted: str) -> FormerProgram | None:
        """Return the program that a profile goes by, by its fingerprint. From any thread."""
        key = (workspace, kind, wanted)
        if key not in self._versions:
            self._versions[key] = self._version(*key)
        version = self._versions[key]
        if version is None:
            return None
        return FormerProgram(version, self._known.program(self._publication.sets[version], workspace, kind))

    def _version(self, workspace: str, kind: ProfileKind, wanted: str) -> int | None:
        sets, newest = self._publication.sets, self._evaluated.get(workspace, 0)
        for version in sorted(sets, reverse=True):
            if version < newest and self._known.fingerprint(sets[version], workspace, kind) == wanted:
                return version
        if wanted not in {"", compile_program(Definitions()).fingerprint}:
            log.warning(
                "workspace %s: a %s was last evaluated by definitions that are not on the topic %s any more, or that"
                " this release reads otherwise; what was due by them has the time at which version %d took effect",
                workspace, kind, topics.DEFINITIONS, newest,
            )  # fmt: skip
        return None


class Adopted(msgspec.Struct, frozen=True):
    """The definitions as of a moment; nothing of it changes.

    `version`: the newest set that is known. `complete_to`: by workspace, the version such that everything born at or
    before it is complete. `evaluated`: by workspace, the version by which profiles are evaluated. `attempts`: by
    workspace, whose seeds count. `destinations`: also of segments that were removed. `target`: changes with what a
    profile has to take over. `is_beginning`: a moment's wait may show that all is complete. `as_of`: when this was all
    that was published, by the monotonic clock (s). `former`: the programs that profiles may have been evaluated by.
    """

    programs: Programs
    version: int = 0
    complete_to: Mapping[str, int] = MappingProxyType({})
    evaluated: Mapping[str, int] = MappingProxyType({})
    attempts: Mapping[str, frozenset[str]] = MappingProxyType({})
    destinations: Destinations = MappingProxyType({})
    target: str = ""
    is_beginning: bool = False
    as_of: float = math.inf
    former: FormerPrograms = FormerPrograms(Publication(), {}, _KnownSets())


Adopt = Callable[[], Adopted]
"""Returns what is known by now. Cheap, and from any thread."""


def unchanging(program: Program, workspaces: Iterable[str]) -> Adopt:
    """Return definitions that nobody changes, complete from the beginning."""
    programs = {(name, kind): program.of(name, kind) for name in workspaces for kind in _KINDS}
    destinations = {
        (name, segment): named for name in workspaces for segment, named in program.destinations_by_segment().items()
    }
    adopted = Adopted(programs, destinations=destinations)
    return lambda: adopted


class _Key(NamedTuple):
    """What a program follows from: two sets, with those between them, and whose profiles it is for."""

    evaluated: int
    newest: int
    workspace: str
    kind: ProfileKind


class Compiler:
    """Compiles what the topic says, and only what has changed."""

    def __init__(self, workspaces: Iterable[str], partitions: int) -> None:
        self._workspaces = tuple(workspaces)
        self._partitions = partitions
        self._compiled: dict[_Key, Program] = {}
        self._known_sets = _KnownSets()

    def adopted(self, publication: Publication) -> Adopted:
        """Return what a worker goes by. Raises UnknownLanguage."""
        evaluated: dict[str, DefinitionSet | None] = {}
        former = self._compiled
        self._compiled = {}
        programs: dict[tuple[str, ProfileKind], Program] = {}
        for workspace in self._workspaces:
            evaluated[workspace] = publication.evaluated(workspace, self._partitions)
            following = tuple(publication.following(evaluated[workspace]))
            for kind in _KINDS:
                programs[workspace, kind] = self._program(former, evaluated[workspace], following, workspace, kind)
        versions = {name: each.version if each else 0 for name, each in evaluated.items()}
        return Adopted(
            programs,
            publication.version,
            {name: publication.complete_to(name, self._partitions) for name in self._workspaces},
            versions,
            {name: frozenset(each.attempts) for name, each in publication.completions.items()},
            {
                (name, segment): named
                for name, each in evaluated.items()
                for segment, named in destinations_by_segment(
                    former.definitions for former in publication.up_to(each)
                ).items()
            },
            _target(programs) if publication.version else "",
            publication.is_beginning(self._partitions),
            former=FormerPrograms(publication, versions, self._known_sets),
        )

    def _program(
        self,
        former: Mapping[_Key, Program],
        evaluated: DefinitionSet | None,
        following: tuple[DefinitionSet, ...],
        workspace: str,
        kind: ProfileKind,
    ) -> Program:
        newest = following[0] if following else evaluated
        key = _Key(evaluated.version if evaluated else 0, newest.version if newest else 0, workspace, kind)
        program = former.get(key)
        if program is None:
            program = _compile(evaluated, workspace, kind)
            collected = (each for of in following for each in _accumulators(of, workspace, kind))
            program = program.collecting(collected)
        self._compiled[key] = program
        return program


def _target(programs: Programs) -> str:
    return "|".join(programs[key].fingerprint for key in sorted(programs))


def _compile(of: DefinitionSet | None, workspace: str, kind: ProfileKind) -> Program:
    if of is None:
        return compile_program(Definitions())
    return compile_program(narrowed(of.definitions, workspace, kind), births_for(of, workspace, kind))


def _accumulators(of: DefinitionSet, workspace: str, kind: ProfileKind) -> Iterator[CompiledAccumulator]:
    births = births_for(of, workspace, kind)
    for planned in accumulators_of(narrowed(of.definitions, workspace, kind)):
        yield compile_accumulator(planned, births.get(planned.id, 0))


class Adoption:
    """The definitions of one worker, kept up to date by a thread. `on_failure` hears of what it cannot go on from."""

    def __init__(self, settings: Settings, on_failure: Callable[[BaseException], None]) -> None:
        self._settings = settings
        self._compiler = Compiler(settings.workspaces, settings.partitions)
        self._publication = Publication()
        self._adopted = msgspec.structs.replace(self._compiler.adopted(self._publication), as_of=0.0)
        self._begins_until = time.monotonic() + BEGINNING_WITHIN_S
        self._follower = Follower(settings.kafka, topics.DEFINITIONS, self._take, on_failure)

    def start(self) -> None:
        """Learn all that was published so far, and follow. Raises UnknownLanguage, TransientError or TerminalError."""
        ensure_topic(self._settings.kafka, self._settings.replication)
        self._follower.start()

    def stop(self) -> None:
        """Follow no longer."""
        self._follower.stop()

    def __call__(self) -> Adopted:
        return self._adopted

    def _take(self, messages: list[Message]) -> None:
        now_s = time.monotonic()
        for message in messages:
            self._publication = self._publication.with_record(message.key(), message.value())
        adopted = self._compiler.adopted(self._publication) if messages else self._adopted
        if adopted.version > self._adopted.version:
            self._make_topics(self._publication)
            log.info("definitions: version %d", adopted.version)
        metrics.DEFINITIONS.set(adopted.version)
        self._adopted = msgspec.structs.replace(
            adopted,
            is_beginning=adopted.is_beginning and now_s < self._begins_until,
            as_of=self._follower.as_of,
        )

    def _make_topics(self, publication: Publication) -> None:
        """See to it that every destination has its topic before something is sent there."""
        names = {destination.name for each in publication.sets.values() for destination in each.destinations}
        create_topics(
            self._settings.kafka, topics.activations(names), self._settings.partitions, self._settings.replication
        )
