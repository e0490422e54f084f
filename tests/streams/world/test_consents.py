"""Consent amid merges, shared devices and unmerges: at rest, what is published under every id follows from the events.

Under the ids of profiles that were merged away as well: whoever has something waiting there goes by it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, note

from definitions import Segment, compile_program
from definitions.consent import ConsentRules, Purpose
from definitions.model import ConsentComparison
from schemas.consent import decode_consent
from schemas.identity import default_profile_id, kind_of
from schemas.known_consent import later
from schemas.records import ConsentChange, Event, Identifier
from schemas.topics import CONSENTS
from tests.oracle.reference import Person
from tests.streams.world.playing import HISTORIES, SENT_WITHIN_MS, START
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
Order = tuple[int, int, int, str]


class Statement(NamedTuple):
    """What an event says for a purpose and a channel, and for which identifier; the greatest is the last."""

    order: Order
    purpose: str
    channel: str
    identifier: Identifier
    status: str


def statements(events: Iterable[Event]) -> Iterator[Statement]:
    """What events say, for each identifier that they carry."""
    for event in events:
        purposes = msgspec.json.decode(event.context).get("consent", {}).get("purposes", {})
        for purpose, said in purposes.items():
            channel, status = ("all", said) if isinstance(said, str) else next(iter(said.items()))
            for identifier in event.identifiers:
                yield Statement(_order(event), purpose, channel, identifier, status)


def denials(events: Iterable[Event]) -> list[Statement]:
    """What events deny."""
    return [each for each in statements(events) if each.status == "denied"]


def last_words(said: Iterable[Statement]) -> list[Statement]:
    """Of each identifier the last one, by what it is about."""
    last = {(each.purpose, each.channel, each.identifier): each for each in sorted(said)}
    return list(last.values())


def counting(said: Iterable[Statement]) -> Statuses:
    """What counts of statements: of each identifier the last word, of several the most restrictive."""
    statuses: Statuses = {}
    for each in last_words(said):
        key = each.purpose, each.channel
        statuses[key] = max(statuses.get(key, "granted"), each.status, key=RESTRICTIONS.index)
    return statuses


def is_as_restrictive(one: Statuses, other: Statuses) -> bool:
    """Whether one says everything that the other one says, and nothing more lenient."""
    return all(key in one and RESTRICTIONS.index(one[key]) >= RESTRICTIONS.index(other[key]) for key in other)


def members(said: Statuses) -> set[str]:
    """The segments that follow from what was said."""
    marketing, service = said.get(("marketing", "all")), said.get(("service", "email"))
    found = {"reachable": marketing == "granted", "served": service != "denied"}
    found["undecided"] = marketing not in {"granted", "denied"}
    return {name for name, is_in in found.items() if is_in}


def _order(event: Event) -> Order:
    return event.occurred_at, PRIORITIES[event.source], event.ordinal, event.message_id


class ConsentPlayer(UnmergePlayer):
    """Some calls say what their sender wants."""

    has_copies = False

    def __init__(self, history: tuple[int, bytes]) -> None:
        super().__init__(history)
        random = self._random("consent")
        self.world = World(random.choice((1, 2, 3)), random, self.identity_rules, PROGRAM, self.world_clock)
        self.world.is_sink_late = True
        self.remembered = set[Statement]()

    def send(self, random: Random) -> None:
        self.at = min(self.at + random.choice(self.gaps), START + SENT_WITHIN_MS)
        event = self.event(random, len(self.sent), self.at)
        event = msgspec.structs.replace(event, ordinal=1, context=random.choice(CONTEXTS))
        note(f"{event}")
        self.sent.append(event)
        for _ in range(random.choice((1, 1, 2))):
            self.world.send(event)

    def expected(self) -> dict[str, Person]:
        """What each profile should be: its segments by what is published of it, which is checked by itself."""
        known = self.known()
        return {
            profile_id: person
            if kind_of(profile_id) == "device"
            else replace(person, segments=person.segments | members(known.get(profile_id, {})))
            for profile_id, person in super().expected().items()
        }

    def check(self) -> None:
        """What is published is what the own events say, and what was denied in others' calls for an own identifier.

        Of those at least what was an identifier's last word at a time of rest: whoever it was of then, it was denied.
        """
        super().check()
        known, rows = self.known(), self.rows()
        for profile_id, person in self.expected().items():
            own = list(statements(event for event in self.sent if event.message_id in person.message_ids))
            denied = [
                each
                for each in statements(self.sent)
                if each.status == "denied" and each.identifier in person.identifiers
            ]
            least, most = counting([*own, *self.remembered.intersection(denied)]), counting([*own, *denied])
            former = {default_profile_id(NAMESPACE, identifier) for identifier in person.identifiers}
            is_of_device = profile_id not in former
            for each in {profile_id} if is_of_device else former:
                published = known.get(each, {})
                assert is_as_restrictive(published, least), (profile_id, each)
                assert is_as_restrictive(most, published), (profile_id, each)
            said = {key: status for key, status in known.get(profile_id, {}).items() if status != "unknown"}
            assert rows.get(profile_id, {}) == said, profile_id
            self.remembered.update(each for each in last_words(own) if each in denied)

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
