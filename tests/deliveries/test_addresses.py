"""Receivers that go by addresses, amid merges and unmerges at any pace: at rest they hold those of the members.

The stages of the worker are the shipped ones, and so are the lines of a deliverer. Its answers come late, or never, and
it may be killed whenever something is under way.
"""

from collections import deque
from collections.abc import Collection, Mapping
from random import Random
from typing import cast

import msgspec
import pytest
from hypothesis import given

from definitions import Segment, compile_program
from definitions.destinations import Destination
from definitions.mapping import Fields, Selected
from definitions.receivers.sql import Sql
from identity.rules import DEFAULT_RULES
from runtime.clock import now_ms
from schemas.activation_reader import ActivationReader
from schemas.records import ConsentChange, DeadLetter, DeliveryAttempt, Identifier, ProfileCommand
from schemas.topics import PROFILE_COMMANDS, activation
from sinks.delivery import lines
from sinks.delivery.bounced import BouncedDeliveries
from sinks.delivery.choosing import Choice, Request, choose
from sinks.delivery.notes import Notes
from sinks.delivery.outlet import Outlet
from sinks.delivery.reaffirming import Reaffirmations
from sinks.delivery.rounds import Ended, IncomingRecord, admit, settle
from sinks.delivery.served import Served
from sinks.destinations.contract import Batching, Delivered, Delivery, Outcome, Retry
from state.view import StateView
from tests.streams.world.playing import HISTORIES
from tests.streams.world.playing import PROGRAM as WITHOUT_DESTINATIONS
from tests.streams.world.test_unmerging import UnmergePlayer
from tests.streams.world.world import Table, World

pytestmark = [pytest.mark.soak(has_short_form=True), pytest.mark.timeout(7_200)]

TABLE = Sql(url="sqlite:///people.sqlite", table="people", mode="mirror")
ALL = Selected(("identifiers", "email"), every=True)
FIRST = Selected(("identifiers", "phone"))
ADS = Destination("ads", receiver=TABLE, mapping=Fields((("emails", ALL), ("phone", FIRST))))
PROGRAM = compile_program(
    msgspec.structs.replace(
        WITHOUT_DESTINATIONS._definitions,
        segments=tuple(
            Segment(each.name, each.when, destinations=("ads",)) for each in WITHOUT_DESTINATIONS._definitions.segments
        ),
        destinations=(ADS,),
    )
)

Held = set[tuple[str, str]]
"""By segment, the addresses of its members."""


class Audiences:
    """A receiver that is only asked for who it is; what it has taken is applied address by address."""

    batching = Batching()

    def __init__(self) -> None:
        self.held: Held = set()

    async def send(self, deliveries: Collection[Delivery]) -> list[Outcome]:
        """Take nothing: what arrives is chosen by the test."""
        raise NotImplementedError

    async def close(self) -> None:
        """Hold nothing open."""

    def take(self, delivery: Delivery) -> None:
        """Add somebody's addresses, or remove them."""
        own = {(delivery.activation.name, address) for address in addresses(delivery.fields)}
        self.held = self.held | own if delivery.activation.change == "entered" else self.held - own


def addresses(fields: Mapping[str, object]) -> set[str]:
    """Return all e-mail addresses and the phone number."""
    emails = {str(Identifier("email", each)) for each in cast("list[str]", fields.get("emails", []))}
    return emails | ({str(Identifier("phone", str(fields["phone"])))} if "phone" in fields else set())


class LineTable(Table):
    """One partition's store of a deliverer."""

    def __init__(self) -> None:
        dict.__init__(self)
        self._deadline_of = lines.due_at_of


class DeliveringTask:
    """One partition of the deliverer. A step admits, begins, or has something end; a kill forgets what is under way."""

    def __init__(self, world: "DeliveringWorld", partition: int) -> None:
        self._world, self._partition = world, partition
        self._store = LineTable()
        self._start()
        self._read = 0
        self._now = now_ms()

    def _start(self) -> None:
        self._served = Served(ADS, self._world.audiences, Outlet(ADS.pace, lambda: None), 0, {})
        self._under_way: list[Request] = []

    def has_work(self) -> bool:
        """Return whether anything is to be admitted, or waits."""
        return self._unread() or bool(self._store.due("ads", 1 << 62, 1))

    def step(self, random: Random) -> None:
        """Do one thing."""
        self._now += random.choice((1, 1_000, 60_000))
        match random.choice(("admit", "admit", "begin", "end", "end", "kill")):
            case "admit":
                self._admit(random.choice((1, 3, 50)))
            case "begin":
                self._begin(random)
            case "end" if self._under_way:
                self._end(self._under_way.pop(random.randrange(len(self._under_way))), random)
            case "kill" if random.random() < 0.2:
                self._start()

    def _unread(self) -> bool:
        return self._read < self._world.end(activation("ads"), self._partition)

    def _choice(self) -> Choice:
        codec = self._world.codec
        return Choice(
            StateView(self._store),
            ActivationReader(codec).read,
            lambda record: codec.decode(ConsentChange, record),
            self._now,
            Notes(codec.encoder(DeliveryAttempt), self._now),
            BouncedDeliveries(msgspec.json.encode, ()),
            Reaffirmations(codec.encoder(ProfileCommand)),
        )

    def _admit(self, records: int) -> None:
        topic, choice = activation("ads"), self._choice()
        end = min(self._world.end(topic, self._partition), self._read + records)
        for offset in range(self._read, end):
            incoming = IncomingRecord(
                topic, self._partition, offset, *self._world.logs[topic, self._partition][offset], ()
            )
            admit(incoming, self._served, choice, self._world.codec.encoder(DeadLetter))
        self._read = end
        self._commit(choice)

    def _begin(self, random: Random) -> None:
        under_way = {chosen.line for request in self._under_way for chosen in request.chosen}
        due = [line for line in self._store.due("ads", self._now, 100) if line not in under_way]
        if not due and not self._under_way and (waiting := self._store.due("ads", 1 << 62, 1)):
            self._now = max(self._now, lines.due_at_of(self._store[waiting[0]]) or 0)
            due = waiting
        choice = self._choice()
        request = choose(self._served, deque(due), choice)
        self._commit(choice)
        if request is not None:
            self._under_way.append(request)
            self._arrive(request, random)

    def _end(self, request: Request, random: Random) -> None:
        if random.random() < 0.3:
            outcome: Outcome = Retry("timeout", "no answer", is_receivers=False)
        else:
            outcome = Delivered()
            for chosen in request.chosen:
                self._world.audiences.take(chosen.delivery)
        if isinstance(outcome, Retry):
            self._arrive(request, random)
        outcomes = [outcome] * len(request.chosen)
        self._served.outlet.end(self._world.audiences, outcomes, [0] * len(outcomes), self._now)
        choice = self._choice()
        settle(Ended(request, outcomes, 1), choice)
        self._commit(choice)

    def _arrive(self, request: Request, random: Random) -> None:
        """Have the receiver take what it may not answer."""
        if random.random() < 0.5:
            for chosen in request.chosen:
                self._world.audiences.take(chosen.delivery)

    def _commit(self, choice: Choice) -> None:
        for key, value in choice.view.changes.items():
            self._store.put(key, value)
        for output in choice.notes.outputs:
            if output.topic == PROFILE_COMMANDS:
                self._world.deliver(output.key, output.value)


class DeliveringWorld(World):
    """A world with a deliverer, whose tasks go on at their own pace."""

    audiences: Audiences
    tasks: list[DeliveringTask]

    def begin(self) -> None:
        """Start the deliverer."""
        self.audiences = Audiences()
        self.tasks = [DeliveringTask(self, at) for at in range(self.partitions)]

    def deliver(self, key: bytes, value: bytes | None) -> None:
        """Put a command on its topic."""
        self.logs[PROFILE_COMMANDS, self._partition(key)].append((key, value))

    def step(self) -> bool:
        """Do something; the deliverer is slow."""
        busy = [each for each in self.tasks if each.has_work()]
        if busy and self.random.random() < 0.2:
            self.random.choice(busy).step(self.random)
            return True
        if super().step():
            return True
        for each in busy:
            each.step(self.random)
        return bool(busy)


class AddressPlayer(UnmergePlayer):
    """At every rest the receiver has the addresses of the members."""

    has_copies = False

    def __init__(self, history: tuple[int, bytes]) -> None:
        super().__init__(history)
        random = self._random("addresses")
        self.world: DeliveringWorld = DeliveringWorld(
            random.choice((1, 2, 3)), random, self.identity_rules, PROGRAM, self.world_clock
        )
        self.world.begin()
        self.world.is_sink_late = True

    def check(self) -> None:
        super().check()
        expected: Held = set()
        for person in self.expected().values():
            listed = sorted(person.identifiers, key=DEFAULT_RULES.rank)
            emails = [str(each) for each in listed if each.namespace == "email"]
            phones = [str(each) for each in listed if each.namespace == "phone"][:1]
            expected |= {(segment, address) for segment in person.segments for address in (*emails, *phones)}
        held = self.world.audiences.held
        assert held == expected, (sorted(held - expected), sorted(expected - held))


@given(HISTORIES)
def test_at_rest_a_receiver_that_goes_by_addresses_holds_those_of_the_members(history: tuple[int, bytes]) -> None:
    AddressPlayer(history).play()
