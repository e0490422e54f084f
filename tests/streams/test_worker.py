"""The worker as a process, on the real broker: stopped, killed, joined by a second one, fed with poison."""

import os
import signal
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer

from embedded.layout import free_ports
from embedded.stack import Stack
from runtime.clock import now_ms
from runtime.kafka.clients import PRODUCER_CONFIG
from runtime.kafka.reading import read_to_end
from schemas.codec import Codec
from schemas.identity import default_profile_id, identifier_key
from schemas.records import DeadLetter, Event, Identifier, Profile, Repair
from schemas.registry import Registry
from schemas.topics import EVENTS, EVENTS_DEAD, EVENTS_RESOLVED, PROFILES, changelog
from state.commit import Committer
from tests.support.process import ModuleProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack
WITHIN_S = 90


def worker_process(stack: Stack, number: int, folder: Path, settings: Mapping[str, str]) -> ModuleProcess:
    """A worker with a number and a folder of its own."""
    port = free_ports(1)[0]
    own = dict(settings) | {
        "ONEFOLD_WORKER": str(number),
        "ONEFOLD_DATA_DIR": str(folder),
        "ONEFOLD_WORKER_METRICS_PORT": str(port),
    }
    folder.mkdir(exist_ok=True)
    log = folder / f"worker-{number}.log"
    return ModuleProcess("streams", environment=dict(stack.environment) | own, log=log, port=port)


@pytest.fixture
def start(stack: Stack, tmp_path: Path) -> Iterator[Callable[..., ModuleProcess]]:
    """Start worker number n, with settings of its own; those still running at the end are killed."""
    with ExitStack() as workers:

        def started(number: int, **settings: str) -> ModuleProcess:
            worker = workers.enter_context(worker_process(stack, number, tmp_path / str(number), settings))
            worker.wait_until_ready()
            return worker

        yield started


class Shop:
    """Sends events of persons that no other test knows, and reads what became of them."""

    def __init__(self, stack: Stack) -> None:
        self.settings = stack.settings
        self.codec = Codec(Registry(self.settings.registry))
        self.encode = self.codec.encoder(Event)
        self._run = uuid.uuid4().hex[:8]
        self._sent = 0
        self.producer = Producer({**PRODUCER_CONFIG, "bootstrap.servers": self.settings.kafka})

    def person(self, number: int) -> Identifier:
        return Identifier("user_id", f"{self._run}-{number}")

    def send(self, people: int, each: int) -> None:
        """`each` events of each of `people` persons."""
        now = now_ms()
        for number in range(people):
            for _ in range(each):
                self._sent += 1
                who = self.person(number)
                event = Event(
                    "main",
                    "dev",
                    f"{self._run}-m{self._sent}",
                    "track",
                    "Seen",
                    now,
                    None,
                    now,
                    (who,),
                    "{}",
                    "{}",
                    "{}",
                )
                self.producer.produce(EVENTS, self.encode(event), identifier_key("main", who))
        assert self.producer.flush(60) == 0

    def counts(self, people: int) -> dict[int, int]:
        """Events of each person by the newest committed record on `profiles`."""
        namespace = self.settings.workspaces["main"].namespace
        newest = self._newest()
        ids = {number: default_profile_id(namespace, self.person(number)) for number in range(people)}
        return {number: newest[own].events for number, own in ids.items() if own in newest}

    def newest(self, profile_id: str) -> Profile | None:
        """The newest committed record of a profile."""
        return self._newest().get(profile_id)

    def _newest(self) -> dict[str, Profile]:
        newest: dict[str, Profile] = {}
        for value in committed(self.settings.kafka, PROFILES):
            profile = self.codec.decode(Profile, value)
            if profile.profile_id not in newest or newest[profile.profile_id].version < profile.version:
                newest[profile.profile_id] = profile
        return newest

    def resolved(self) -> list[Event]:
        """Every event that was resolved."""
        return [self.codec.decode(Event, value) for value in committed(self.settings.kafka, EVENTS_RESOLVED)]


@pytest.fixture
def shop(stack: Stack) -> Shop:
    return Shop(stack)


def committed(kafka: str, topic: str) -> list[bytes]:
    """Values of all committed records of a topic."""
    return [message.value() or b"" for message in read_to_end(kafka, [topic])]


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """As `wait_until`, for conditions that read a whole topic."""
    wait_until(condition, what, WITHIN_S, every_s=0.2)


def test_a_stopped_worker_exits_with_0_and_the_next_goes_on_where_it_was(
    start: Callable[[int], ModuleProcess], shop: Shop
) -> None:
    worker = start(1)
    shop.send(people=20, each=3)
    wait_for(lambda: shop.counts(20) == dict.fromkeys(range(20), 3), "three events of each person")
    assert worker.end(signal.SIGTERM) == 0

    shop.send(people=20, each=1)
    start(1)

    wait_for(lambda: shop.counts(20) == dict.fromkeys(range(20), 4), "four events of each person, none twice")


@pytest.mark.slow
def test_killed_in_the_middle_it_loses_and_repeats_nothing(start: Callable[[int], ModuleProcess], shop: Shop) -> None:
    for kill_number in range(3):
        worker = start(1)
        shop.send(people=200, each=5)
        assert worker.end(signal.SIGKILL) == -signal.SIGKILL, f"kill {kill_number}"
    start(1)

    wait_for(lambda: shop.counts(200) == dict.fromkeys(range(200), 15), "15 events of each person")


def test_a_second_worker_takes_its_share_and_gives_it_back(start: Callable[[int], ModuleProcess], shop: Shop) -> None:
    first = start(1)
    shop.send(people=50, each=1)
    second = start(2)
    shop.send(people=50, each=1)
    wait_for(lambda: shop.counts(50) == dict.fromkeys(range(50), 2), "two events of each person")
    assert first.is_running, "the rebalance must not stop the first worker"

    assert second.end(signal.SIGTERM) == 0
    shop.send(people=50, each=1)

    wait_for(lambda: shop.counts(50) == dict.fromkeys(range(50), 3), "three events of each person")
    assert first.is_running


def test_what_was_kept_as_a_standby_is_taken_over_without_recovery(
    start: Callable[..., ModuleProcess], shop: Shop
) -> None:
    settings = {"ONEFOLD_STANDBYS": "1", "ONEFOLD_SESSION_TIMEOUT_MS": "3000"}
    first, second = start(1, **settings), start(2, **settings)
    shop.send(people=300, each=2)
    wait_for(lambda: shop.counts(300) == dict.fromkeys(range(300), 2), "two events of each person")
    wait_for(
        lambda: first.metric("onefold_standby_records_total") + second.metric("onefold_standby_records_total") >= 300,
        "both workers to have a copy of what the other owns",
    )
    followed = second.metric("onefold_standby_records_total")
    assert followed > 0
    before = second.metric("onefold_recovered_records_total")

    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    shop.send(people=300, each=1)

    wait_for(lambda: shop.counts(300) == dict.fromkeys(range(300), 3), "three events of each person")
    assert second.metric("onefold_recovered_records_total") - before < followed, "the copies were of no use"


def test_a_worker_that_lost_a_partition_stops_with_1_and_the_next_goes_on(
    stack: Stack, start: Callable[[int], ModuleProcess], shop: Shop
) -> None:
    worker = start(1)
    for partition in range(stack.settings.partitions):
        usurper = Committer(stack.settings.kafka, f"onefold-profile-{partition}", changelog("profiles"), partition)
        usurper.fence()
        usurper.close()

    shop.send(people=20, each=1)

    assert worker.wait(WITHIN_S) == 1
    start(1)
    wait_for(lambda: shop.counts(20) == dict.fromkeys(range(20), 1), "one event of each person")


def test_a_worker_without_a_registry_says_so_in_a_line(stack: Stack, tmp_path: Path) -> None:
    environment = dict(stack.environment) | {
        "ONEFOLD_REGISTRY": f"http://127.0.0.1:{free_ports(1)[0]}",
        "ONEFOLD_DATA_DIR": str(tmp_path),
    }

    with ModuleProcess("streams", environment=environment, log=tmp_path / "log") as worker:
        assert worker.wait(WITHIN_S) == 1

    assert worker.output.splitlines()[-1].startswith("onefold worker: cannot start: ")
    assert "Traceback" not in worker.output


def test_events_that_a_producer_puts_anywhere_and_spells_as_it_likes_are_of_one_person(
    stack: Stack, start: Callable[[int], ModuleProcess], shop: Shop
) -> None:
    """With our keys, without a key or any, by librdkafka's own partitioner, and in every partition."""
    now, own = now_ms(), shop.person(0).value
    mail = Identifier("email", f"{own}@example.org")
    key = identifier_key("main", mail)
    sound = Event(
        "main",
        "erp",
        f"{own}-0",
        "identify",
        None,
        now - 1_000,
        None,
        now,
        (mail,),
        traits='{"plan":"free"}',
        ordinal=1,
    )
    shop.producer.produce(EVENTS, shop.encode(sound), key)
    other = Producer({"bootstrap.servers": stack.settings.kafka})
    spelt = Identifier("email", f" {own.upper()}@Example.Org")
    for number, (producer, written) in enumerate(product((shop.producer, other), (key, None, b"erp", key.upper()))):
        event = msgspec.structs.replace(
            sound, message_id="", identifiers=(spelt,), traits='{"plan": "pro", "score": NaN}', ordinal=0,
            occurred_at=now + number,
        )  # fmt: skip
        producer.produce(EVENTS, shop.encode(event), written)
    for partition in range(stack.settings.partitions):
        shop.producer.produce(EVENTS, shop.encode(msgspec.structs.replace(event, message_id="")), None, partition)
    assert shop.producer.flush(60) == other.flush(60) == 0
    sent = 1 + 8 + stack.settings.partitions
    start(1)

    def profile() -> Profile | None:
        return shop.newest(default_profile_id(stack.settings.workspaces["main"].namespace, mail))

    wait_for(lambda: (found := profile()) is not None and found.events == sent, f"{sent} events of one person")
    found = profile()
    assert found is not None
    assert (found.identifiers, msgspec.json.decode(found.traits)) == ((mail,), {"plan": "pro"})
    ours = [event for event in shop.resolved() if event.identifiers[0].value.lower().strip() == mail.value]
    assert len(ours) == sent
    assert all(event.ordinal > 0 and event.message_id for event in ours)
    assert sum(event.repairs == (Repair("traits.score", "invalid_number"),) for event in ours) == sent - 1


def test_bytes_that_are_no_event_become_dead_letters_and_the_partition_goes_on(
    start: Callable[[int], ModuleProcess], shop: Shop
) -> None:
    poison = [b"", b"\x01not avro", b"\x00\x00\x00\xff\xff" + os.urandom(20), b'{"event": "json"}', os.urandom(900_000)]
    key = identifier_key("main", shop.person(0))
    for value in poison:
        shop.producer.produce(EVENTS, value, key)
    shop.send(people=1, each=2)
    start(1)

    wait_for(lambda: shop.counts(1) == {0: 2}, "the good events behind the poison")

    letters = [shop.codec.decode(DeadLetter, value) for value in committed(shop.settings.kafka, EVENTS_DEAD)]
    ours = [letter for letter in letters if letter.key == key]
    assert [letter.value or b"" for letter in sorted(ours, key=lambda letter: letter.offset)] == poison
    assert {letter.stage for letter in ours} == {"resolve"}
    assert all(msgspec.json.encode(letter.detail) != b'""' for letter in ours)
