"""Brings a destination in line with its segments: what it should hold and was not delivered is put on its topic.

Each entry and exit is a change with cause `sync`, whose id follows from what it is about, and, in the same transaction,
an attempt that says so: whoever begins once more goes on with the rest. All checks meet it when it is sent.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import msgspec

from definitions.destinations import Destination
from definitions.mapping import fingerprint
from definitions.sets import DefinitionSet
from definitions.shared_keys import shared_keys
from onefold.fates.activations import waiting_of
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.offsets import Offsets
from runtime.kafka.transactions import TransactionalProducer
from runtime.kafka.waiting import await_committed, ends_of
from schemas import topics
from schemas.activations import activation_of
from schemas.attempts import Saying, Whose, delivery_attempt
from schemas.codec import Codec
from schemas.consent import encode_consent
from schemas.groups import SINK
from schemas.identity import kind_of, profile_key, stable_id
from schemas.records import DeliveryAttempt, SegmentChange
from schemas.records.deliveries import SYNCED, UNFINISHED
from schemas.registry import Registry
from settings import Settings
from warehouse.client import Warehouse
from warehouse.queries.clock import server_time
from warehouse.queries.membership_gaps import (
    Direction,
    Gap,
    Person,
    member_versions,
    membership_gaps,
    persons,
    sent_segments,
    time_zones,
)
from warehouse.queries.taken_out import PersonKeys, taken_out

AT_ONCE = 500
WRITTEN_WITHIN_S = 60.0


class SegmentGaps(msgspec.Struct, frozen=True):
    """What a destination lacks of a segment. `waiting`: on its way already; `suppressed`: may not be sent.

    Of a segment that is not sent there any more an entry that is on its way waits as well: its exit is missing then.
    """

    segment: str
    gaps: tuple[Gap, ...]
    waiting: int
    suppressed: int

    @property
    def entries(self) -> int:
        """How many are to enter."""
        return sum(gap.change == "entered" for gap in self.gaps)

    @property
    def exits(self) -> int:
        """How many are to exit."""
        return len(self.gaps) - self.entries


class Sync:
    """One run, for one destination in one workspace. Raises TransientError and TerminalError."""

    def __init__(self, settings: Settings, workspace: str, of: DefinitionSet, destination: Destination) -> None:
        self._settings = settings
        self._workspace = workspace
        self._set = of
        self._destination = destination
        self._keys = shared_keys(destination)
        self._codec = Codec(Registry(settings.registry))
        self._warehouse = Warehouse(settings.clickhouse, answer_timeout_s=None)
        self._offsets = Offsets(settings.kafka)

    def find(self) -> list[SegmentGaps]:
        """Compare each segment that names the destination with what was delivered; of others nobody is to be there.

        What moves meanwhile goes one way, from the topic over the lines to what is said: what is missing before and
        after, and is not on its way in between, is missing.
        """
        named = [
            each.name
            for each in self._set.segments
            if self._destination.name in each.destinations
            if not each.workspaces or self._workspace in each.workspaces
        ]
        self._await_written()
        sent = sent_segments(self._warehouse, self._workspace, self._destination.names)
        looked_at = {*named, *sent}
        before = {segment: self._versions(segment, segment in named) for segment in looked_at}
        on_way = self._on_its_way()
        self._await_written()
        is_sent = dict.fromkeys(named, True) | dict.fromkeys(sorted({*sent, *on_way} - {*named}), False)
        found = [
            self._found(segment, is_sent[segment], before.get(segment, {}), on_way.get(segment, {}))
            for segment in is_sent
        ]
        return [each for each in found if is_sent[each.segment] or each.gaps or each.waiting or each.suppressed]

    def run(self, found: Iterable[SegmentGaps]) -> Iterator[int]:
        """Put what is missing on the topic; yield how many after each transaction. Whoever stops asking stops it."""
        with TransactionalProducer(
            self._settings.kafka, f"onefold-sync-{self._workspace}-{self._destination.name}"
        ) as producer:
            for each in found:
                gaps, zones = iter(each.gaps), self._time_zones(each)
                while some := list(islice(gaps, AT_ONCE)):
                    producer.send(list(self._records(each.segment, some, zones)))
                    yield len(some)

    def close(self) -> None:
        """Let go of connections."""
        self._warehouse.close()

    def _gaps(self, segment: str, is_sent: bool) -> Iterator[Gap]:
        """Yield by profile what was not delivered, then whom the exit of another one has taken out."""
        wanted, names = self._destination.changes, self._destination.names
        found = membership_gaps(self._warehouse, self._workspace, names, segment, is_sent=is_sent)
        yield from (gap for gap in found if gap.change in wanted)
        if is_sent and not self._keys.are_none:
            namespaces = None if self._keys.namespaces is None else sorted(self._keys.namespaces)
            keys = PersonKeys(namespaces, sorted(self._keys.traits))
            yield from taken_out(self._warehouse, self._workspace, names, segment, keys)

    def _versions(self, segment: str, is_sent: bool) -> dict[tuple[str, Direction], int]:
        """Return what is missing, and of entries the profile's version, if one of them may need it; else 0.

        What was said once more of a membership has a later version, which the line remembers when no row has it any
        more; the profile's is no earlier. It is read before the second comparison: whoever leaves afterwards has a
        later one.
        """
        versions: dict[tuple[str, Direction], int] = {}
        is_unsaid = False
        for gap in self._gaps(segment, is_sent):
            versions[gap[:2]] = 0
            is_unsaid = is_unsaid or _is_unsaid(gap)
        if is_unsaid:
            for profile_id, version in member_versions(self._warehouse, self._workspace, segment):
                if (profile_id, "entered") in versions:
                    versions[profile_id, "entered"] = version
        return versions

    def _on_its_way(self) -> dict[str, dict[str, bool]]:
        """Return by segment of whom something is on its way, and whether an entry is."""
        found: dict[str, dict[str, bool]] = {}
        for each in waiting_of(self._settings.kafka, self._codec, self._destination, self._workspace):
            if each.kind == "segment" and each.profile_id is not None:
                own = found.setdefault(each.name, {})
                own[each.profile_id] = own.get(each.profile_id, False) or each.change == "entered"
        return found

    def _found(
        self, segment: str, is_sent: bool, before: Mapping[tuple[str, Direction], int], on_way: Mapping[str, bool]
    ) -> SegmentGaps:
        gaps, on_their_way, suppressed = [], 0, 0
        entering = {profile_id for profile_id, is_entry in on_way.items() if is_entry and not is_sent}
        for gap in self._gaps(segment, is_sent):
            is_last = gap.latest == gap.change
            entering.discard(gap.profile_id)
            if gap[:2] not in before or gap.profile_id in on_way or (is_last and gap.outcome in UNFINISHED):
                on_their_way += 1
            elif is_last and gap.outcome == "suppressed":
                suppressed += 1
            else:
                gaps.append(gap._replace(version=max(gap.version, before[gap[:2]])) if _is_unsaid(gap) else gap)
        return SegmentGaps(segment, tuple(gaps), on_their_way + len(entering), suppressed)

    def _time_zones(self, found: SegmentGaps) -> Mapping[str, str]:
        """Return by profile the time zone that quiet hours are judged by."""
        if self._destination.checks.quiet_hours is None or not found.entries:
            return {}
        return time_zones(self._warehouse, self._workspace, found.segment)

    def _records(self, segment: str, gaps: list[Gap], zones: Mapping[str, str]) -> Iterator[ProducerRecord]:
        known = persons(self._warehouse, self._workspace, [gap.profile_id for gap in gaps])
        change_bytes, attempt_bytes = self._codec.encoder(SegmentChange), self._codec.encoder(DeliveryAttempt)
        now = server_time(self._warehouse)
        for gap in gaps:
            change = self._change(segment, gap, known.get(gap.profile_id), now)
            change = msgspec.structs.replace(change, timezone=zones.get(gap.profile_id, ""))
            key = profile_key(self._workspace, gap.profile_id)
            yield ProducerRecord(topics.activation(self._destination.name), key, change_bytes(change))
            yield ProducerRecord(topics.DELIVERIES, key, attempt_bytes(self._attempt(change, now)))

    def _change(self, segment: str, gap: Gap, person: Person | None, now: int) -> SegmentChange:
        """Return the entry or exit; an entry is no older than an exit that was sent, which would supersede it.

        It has the version by which the gap was found, though the person's may be later: whatever has changed of the
        membership since then is later as well, and counts.
        """
        about = f"{self._workspace}|{self._destination.name}|{segment}|{gap.profile_id}|{gap.change}"
        return SegmentChange(
            workspace=self._workspace,
            change_id=stable_id(f"{SYNCED}|{about}|{gap.version}|{gap.said_at}"),
            profile_id=gap.profile_id,
            segment=segment,
            change=gap.change,
            changed_at=max(gap.entered_at, gap.exited_at) if gap.change == "entered" else now,
            cause=SYNCED,
            version=gap.version,
            identifiers=() if person is None else person.identifiers,
            profile_kind=kind_of(gap.profile_id),
            decided_at=now,
            definition=self._set.version,
            traits="{}" if person is None else self._traits(person.traits),
            consent="{}" if person is None else encode_consent(person.consent),
        )

    def _traits(self, text: str) -> str:
        """Return those that the destination asks for, each value as it was written."""
        traits = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        return msgspec.json.encode({name: traits[name] for name in self._destination.traits if name in traits}).decode()

    def _attempt(self, change: SegmentChange, now: int) -> DeliveryAttempt:
        whose = Whose(self._destination.name, self._destination.kept_as, fingerprint(self._destination.mapping))
        saying = Saying("retry", SYNCED, "the destination is brought in line with the segment", due_at=now)
        return delivery_attempt(whose, activation_of(change), saying, now)

    def _await_written(self) -> None:
        published = [topics.SEGMENTS, topics.PROFILES, topics.CONSENTS, topics.DELIVERIES]
        give_up_at = time.monotonic() + WRITTEN_WITHIN_S
        await_committed(self._offsets, SINK.name, ends_of(self._offsets, published), give_up_at)


def _is_unsaid(gap: Gap) -> bool:
    """Return whether nothing is said of it any more, or only that something newer was, which is not kept."""
    return gap.said_at == 0 or gap.outcome == "superseded"
