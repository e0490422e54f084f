"""Consent amid merges, shared devices and unmerges: at rest, what is published under every id follows from the events.

Under the ids of profiles that were merged away as well: whoever has something waiting there goes by it.
"""

from collections.abc import Iterable, Iterator
from random import Random

import msgspec
import pytest
from hypothesis import given, note

from definitions import Segment, compile_program
from definitions.consent import ConsentRules, Purpose
from definitions.model import ConsentComparison
from schemas.consent import decode_consent
from schemas.identity import default_profile_id
from schemas.known_consent import later
from schemas.records import ConsentChange, Event
from schemas.topics import CONSENTS
from tests.oracle.reference import World as Reference
from tests.streams.world.playing import HISTORIES, REFERENCE, SENT_WITHIN_MS, START
from tests.streams.world.playing import PROGRAM as WITHOUT_CONSENT
from tests.streams.world.test_unmerging import UnmergePlayer
from tests.streams.world.world import NAMESPACE, World
from warehouse.versions import claimed

pytestmark = [pytest.mark.soak(has_short_form=True), pytest.mark.timeout(7_200)]

RULES = ConsentRules((Purpose("marketing"), Purpose("service", default="opt_out")), ("email",))
SEGMENTS = (
    Segment("reachable", ConsentComparison("marketing", "email", "allowed")),
    Segment("served", ConsentComparison("service", "email", "allowed")),
    Segment("undecided", ConsentComparison("marketing", "", "unknown")),
)
PROGRAM = compile_program(
    msgspec.structs.replace(
        WITHOUT_CONSENT._definitions,
        segments=(*WITHOUT_CONSENT._definitions.segments, *SEGMENTS),
        consent=RULES,
    )
)
PRIORITIES = {"web": 0, "crm": 5}
RESTRICTIONS = ("granted", "unknown", "denied")
CONTEXTS = (
    *("{}",) * 4,
    *(f'{{"consent": {{"purposes": {{"marketing": "{status}"}}}}}}' for status in RESTRICTIONS),
    '{"consent": {"purposes": {"service": {"email": "denied"}}}}',
)

Statuses = dict[tuple[str, str], str]


def naive(events: Iterable[Event]) -> Statuses:
    """What counts after events: of each identifier the last word, of several the most restrictive."""
    last: dict[tuple[str, str, str], str] = {}
    for event in sorted(
        events, key=lambda each: (each.occurred_at, PRIORITIES[each.source], each.ordinal, each.message_id)
    ):
        purposes = msgspec.json.decode(event.context).get("consent", {}).get("purposes", {})
        for purpose, said in purposes.items():
            channel, status = ("all", said) if isinstance(said, str) else next(iter(said.items()))
            last |= {(purpose, channel, str(identifier)): status for identifier in event.identifiers}
    counting: Statuses = {}
    for (purpose, channel, _), status in last.items():
        former = counting.get((purpose, channel), "granted")
        counting[purpose, channel] = max(former, status, key=RESTRICTIONS.index)
    return counting


def _marketing(events: Iterable[Event]) -> str:
    return naive(events).get(("marketing", "all"), "unknown")


WITH_SEGMENTS = Reference(
    NAMESPACE,
    PRIORITIES,
    {
        **REFERENCE.segments,
        "reachable": lambda facts: _marketing(facts.events) == "granted",
        "served": lambda facts: ("service", "email") not in naive(facts.events),
        "undecided": lambda facts: _marketing(facts.events) == "unknown",
    },
)


def _order(event: Event) -> tuple[int, int, int, str]:
    return event.occurred_at, PRIORITIES[event.source], event.ordinal, event.message_id


class ConsentPlayer(UnmergePlayer):
    """Some calls say what their sender wants."""

    has_copies = False
    reference = WITH_SEGMENTS

    def __init__(self, history: tuple[int, bytes]) -> None:
        super().__init__(history)
        random = self._random("consent")
        self.world = World(random.choice((1, 2, 3)), random, self.identity_rules, PROGRAM, self.world_clock)
        self.world.is_sink_late = True

    def send(self, random: Random) -> None:
        self.at = min(self.at + random.choice(self.gaps), START + SENT_WITHIN_MS)
        event = self.event(random, len(self.sent), self.at)
        event = msgspec.structs.replace(event, ordinal=1, context=random.choice(CONTEXTS))
        note(f"{event}")
        self.sent.append(event)
        for _ in range(random.choice((1, 1, 2))):
            self.world.send(event)

    def check(self) -> None:
        super().check()
        known, rows = self.known(), self.rows()
        for profile_id, person in self.expected().items():
            own = [event for event in self.sent if event.message_id in person.message_ids]
            former = {default_profile_id(NAMESPACE, identifier) for identifier in person.identifiers}
            is_of_device = profile_id not in former
            for each in {profile_id} if is_of_device else former:
                assert known.get(each, {}) == naive(own), (profile_id, each)
            said = {key: status for key, status in naive(own).items() if status != "unknown"}
            assert rows.get(profile_id, {}) == said, profile_id

    def rows(self) -> dict[str, Statuses]:
        """What counts by the table of consents, which has what each profile publishes under its own id."""
        latest: dict[tuple[str, str, str], tuple[int, str]] = {}
        for record in self.published():
            version = claimed(record.decision, record.version)
            for entry in record.changed if record.profile_id == record.current_id else ():
                key = (record.profile_id, entry.purpose, entry.channel)
                latest[key] = max(latest.get(key, (-1, "")), (version, entry.status))
        rows: dict[str, Statuses] = {}
        for (profile_id, purpose, channel), (_, status) in latest.items():
            if status != "unknown":
                rows.setdefault(profile_id, {})[purpose, channel] = status
        return rows

    def published(self) -> Iterator[ConsentChange]:
        for (topic, _), log in self.world.logs.items():
            for _, value in log if topic == CONSENTS else ():
                yield self.world.codec.decode(ConsentChange, value)

    def known(self) -> dict[str, Statuses]:
        """What counts by `consents`, by the id under which it is written."""
        latest: dict[str, ConsentChange] = {}
        for record in self.published():
            latest[record.profile_id] = later(latest.get(record.profile_id), record)
        return {
            profile_id: {
                (purpose, channel): statement.status
                for purpose, said in decode_consent(record.consent).statements.items()
                for channel, statement in said.items()
            }
            for profile_id, record in latest.items()
        }


@given(HISTORIES)
def test_at_rest_what_is_published_under_every_id_is_what_the_events_say(history: tuple[int, bytes]) -> None:
    ConsentPlayer(history).play()
