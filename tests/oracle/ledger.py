"""Accounts for every accepted message and every refused one, and for the order of identity and segment records.

Invariants 1, 2 and 4 of design section 10, from what lies on the topics; what profiles hold is compared elsewhere.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import msgspec

from admission.admit import TopicPosition, admit
from admission.facts.events import FactReader
from admission.rejection import Rejection
from embedded.running import Addresses
from identity.rules import DEFAULT_RULES
from runtime.kafka.offsets import Partition
from schemas import topics
from schemas.codec import Codec, DecodeError
from schemas.records import DeadLetter, Event, Identifier, IdentityChange, IdentityRequest, Link, Profile, SegmentChange
from tests.oracle import identities, topic
from tests.oracle.comparison import report
from tests.oracle.topic import Decoded
from tests.support import plain


@dataclass(frozen=True)
class Ledger:
    """The topics of a stack at rest, each read once, as far as they are about one workspace.

    `since`: where to begin reading, for a workspace that nobody wrote to before.
    """

    addresses: Addresses
    codec: Codec
    workspace: str
    known_workspaces: Collection[str]
    since: Mapping[Partition, int] = field(default_factory=dict)

    @cached_property
    def accepted(self) -> list[tuple[bytes | None, Event | None]]:
        """Every value on `events` that is not known to be another workspace's, and the event that it is, if any.

        What came straight to Kafka, as it is admitted; once, if it was then sent back to another partition.
        """
        raws = topic.read_raw(self.addresses.kafka, topics.EVENTS, self.since)
        values = {raw.value for raw in raws}
        read = [(raw, *self._admitted(raw, self._event(raw.value))) for raw in raws]
        return [
            (value, event)
            for raw, value, event in read
            if self._is_own(event) and (value == raw.value or value not in values)
        ]

    @cached_property
    def events(self) -> list[Event]:
        """The events that were accepted, dead ones left out."""
        dead = {letter.value for letter in self.dead_letters}
        return [event for value, event in self.accepted if event is not None and value not in dead]

    @cached_property
    def dead_letters(self) -> list[DeadLetter]:
        """Dead letters of the worker; the sink writes its own of what it cannot read either."""
        letters = [
            decoded.record
            for decoded in topic.read(self.addresses.kafka, self.codec, topics.EVENTS_DEAD, DeadLetter, self.since)
        ]
        return [
            msgspec.structs.replace(letter, value=self._unstamped(letter.value))
            for letter in letters
            if letter.stage != "sink" and self._is_own(self._event(letter.value))
        ]

    @cached_property
    def resolved(self) -> list[bytes | None]:
        """The values on `events.resolved`, without their stamps: those of `events`, as they were accepted."""
        values = [raw.value for raw in topic.read_raw(self.addresses.kafka, topics.EVENTS_RESOLVED, self.since)]
        return [self._unstamped(value) for value in values if self._is_own(self._event(value))]

    @cached_property
    def requests(self) -> list[IdentityRequest]:
        """What was requested of GRAPH, in order, dead letters left out."""
        requested = topic.read(self.addresses.kafka, self.codec, topics.IDENTITY_REQUESTS, IdentityRequest, self.since)
        dead = {letter.value for letter in self.dead_letters if letter.topic == topics.IDENTITY_REQUESTS}
        return [
            decoded.record
            for decoded in requested
            if decoded.record.workspace == self.workspace and decoded.raw.value not in dead
        ]

    @cached_property
    def identities(self) -> identities.WhoIsWho:
        """The reference after all requests."""
        known = identities.WhoIsWho()
        for request in self.requests:
            known.decide(request)
        return known

    @cached_property
    def decided(self) -> list[IdentityChange]:
        """What GRAPH decided, and what was rebuilt, in order."""
        changes = topic.read(self.addresses.kafka, self.codec, topics.IDENTITY_CHANGES, IdentityChange, self.since)
        return [decoded.record for decoded in changes if decoded.record.workspace == self.workspace]

    @cached_property
    def link_log(self) -> list[Link]:
        """Everything that was ever decided of a pair."""
        written = topic.read(self.addresses.kafka, self.codec, topics.IDENTITY_LINKS, Link, self.since)
        return [decoded.record for decoded in written if decoded.record.workspace == self.workspace]

    @cached_property
    def links(self) -> list[Link]:
        """The evidence that is in force: of each pair and source the last decision."""
        last = {(link.left, link.right, link.source): link for link in self.link_log}
        return [link for link in last.values() if link.status == "active"]

    @cached_property
    def forwards(self) -> dict[str, str]:
        """Merged profile -> survivor."""
        profiles = topic.read(self.addresses.kafka, self.codec, topics.PROFILES, Profile, self.since)
        last = {decoded.record.profile_id: decoded.record.merged_into for decoded in profiles}
        return {profile_id: target for profile_id, target in last.items() if target is not None}

    @cached_property
    def changes(self) -> list[Decoded[SegmentChange]]:
        """Segment changes; those of one profile are in order."""
        changes = topic.read(self.addresses.kafka, self.codec, topics.SEGMENTS, SegmentChange, self.since)
        return [change for change in changes if change.record.workspace == self.workspace]

    @cached_property
    def _dead_on_events(self) -> set[bytes | None]:
        return {letter.value for letter in self.dead_letters if letter.topic == topics.EVENTS}

    def _admitted(self, raw: topic.Raw, event: Event | None) -> tuple[bytes | None, Event | None]:
        if event is None or event.ordinal > 0 or raw.value in self._dead_on_events:
            return raw.value, event
        try:
            admitted = admit(event, TopicPosition(topics.EVENTS, raw.partition, raw.offset), DEFAULT_RULES).event
        except Rejection:
            return raw.value, event
        admitted = FactReader().with_facts(admitted)
        return self.codec.encoder(Event)(admitted), admitted

    def _event(self, value: bytes | None) -> Event | None:
        try:
            return self.codec.decode(Event, value)
        except DecodeError:
            return None

    def _unstamped(self, value: bytes | None) -> bytes | None:
        event = self._event(value)
        if event is None or not event.definitions:
            return value
        return self.codec.encoder(Event)(msgspec.structs.replace(event, definitions=0))

    def _is_own(self, event: Event | None) -> bool:
        return event is None or event.workspace == self.workspace or event.workspace not in self.known_workspaces


def assert_everything_is_accounted_for(ledger: Ledger, expected_dead: Sequence[tuple[str, bytes | None]]) -> None:
    """Every accepted record was folded, dropped as a duplicate, or is a dead letter, whole and once."""
    found = Counter((letter.reason, letter.value) for letter in ledger.dead_letters)
    assert found == Counter(expected_dead), f"dead letters: {found} instead of {expected_dead}"
    positions = {(letter.topic, letter.partition, letter.offset) for letter in ledger.dead_letters}
    assert len(positions) == len(ledger.dead_letters), "a record became two dead letters"
    accepted = {value for value, _ in ledger.accepted if value is not None}
    dead = Counter(letter.value for letter in ledger.dead_letters if letter.topic == topics.EVENTS)
    behind = Counter(letter.value for letter in ledger.dead_letters if letter.topic == topics.EVENTS_RESOLVED)
    dead_behind: Counter[bytes | None] = Counter()
    dead_behind.update({value: times for value, times in behind.items() if value in accepted})
    assert len(ledger.accepted) == len(ledger.events) + dead.total() + dead_behind.total()
    resolved = Counter(ledger.resolved) - (behind - dead_behind)  # without what somebody else put there
    assert resolved + dead == Counter(value for value, _ in ledger.accepted), "not each event once"


def assert_counted(ledger: Ledger) -> None:
    """The worker's own figures since its start add up to what was accepted.

    What waited while its profile was rebuilt may be among the replayed, and what strayed meanwhile a duplicate at home.
    """
    outcomes = _profile_outcomes(ledger)
    distinct = len({event.message_id for event in ledger.events})
    assert outcomes["folded"] + outcomes["duplicate"] + outcomes["replayed"] == len(ledger.events)
    assert outcomes["folded"] <= distinct
    if not any(link.status == "retracted" for link in ledger.link_log):
        assert outcomes["folded"] == distinct


def assert_every_pair_was_requested(ledger: Ledger) -> None:
    """Every pair of an event's primary identifier and another went to GRAPH, by source, and nothing else did.

    Once in each company of stronger identifiers, unless evidence about one of them was taken back: then it may be
    requested again, and so may what was refused because of it.
    """
    requested = Counter(
        (request.identifiers[0], other, request.source)
        for request in ledger.requests
        if request.kind == "link"
        for other in request.identifiers[1:]
    )
    companies: defaultdict[tuple[Identifier, Identifier, str], set[tuple[Identifier, ...]]] = defaultdict(set)
    for event in ledger.events:
        primary, *others = sorted(event.identifiers, key=identities.strength)
        for at, other in enumerate(others):
            companies[primary, other, event.source].add(tuple(others[:at]))
    taken_back = any(link.status == "retracted" for link in ledger.link_log)
    again = ("retracted", "refused") if taken_back else ()
    reopened = {end for link in ledger.link_log if link.status in again for end in (link.left, link.right)}
    wrong = [
        f"{pair} was requested {requested[pair]} times, and seen in {len(companies[pair])} companies"
        for pair in requested.keys() | companies.keys()
        if requested[pair] < len(companies[pair])
        or (requested[pair] > len(companies[pair]) and pair[0] not in reopened)
    ]
    report("pairs on identity.requests", wrong)


def assert_evidence_explains_persons(ledger: Ledger) -> None:
    """The active links alone give the same persons as the requests, and are the reference's evidence."""
    expected = {(pair, source) for pair, sources in ledger.identities.evidence.items() for source in sources}
    found = {(frozenset((link.left, link.right)), link.source) for link in ledger.links}
    report("links", [f"{set(map(str, pair))} of {source} is not in force" for pair, source in expected - found])
    report("links", [f"{set(map(str, pair))} of {source} should not be in force" for pair, source in found - expected])


def assert_changes_are_sound(changes: Iterable[Decoded[SegmentChange]], members: set[tuple[str, str]]) -> None:
    """Each change once, entries and exits by turns, versions growing; replayed, they give the members."""
    records = [change.record for change in changes]
    repeated = [change_id for change_id, times in Counter(change.change_id for change in records).items() if times > 1]
    assert not repeated, f"{len(repeated)} changes are there more than once, such as {repeated[0]}"
    inside: set[tuple[str, str]] = set()
    versions: dict[str, int] = {}
    wrong = []
    for change in records:
        membership = (change.profile_id, change.segment)
        if (membership in inside) is (change.change == "entered"):
            wrong.append(f"{change.change} twice in a row: {change}")
        if change.version <= versions.get(change.profile_id, 0):
            wrong.append(f"version does not grow: {change}")
        versions[change.profile_id] = change.version
        if change.change == "entered":
            inside.add(membership)
        else:
            inside.discard(membership)
    report("segment changes in order", wrong)
    report("members by replay", [f"{one} is in the warehouse only" for one in sorted(members - inside)])
    report("members by replay", [f"{one} is not in the warehouse" for one in sorted(inside - members)])


def _profile_outcomes(ledger: Ledger) -> Counter[str]:
    """`onefold_profile_events_total` of the workspace by outcome."""
    outcomes: Counter[str] = Counter()
    for line in plain.get(ledger.addresses.worker_metrics).text.splitlines():
        if line.startswith("onefold_profile_events_total{") and f'workspace="{ledger.workspace}"' in line:
            outcome = line.split('outcome="')[1].split('"')[0]
            outcomes[outcome] += int(float(line.rsplit(" ", 1)[1]))
    return outcomes
