"""Kafka stopped, killed, out of disk, and refusing what is written to one topic."""

import random
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from embedded.process import StackProcess
from onefold.progress import PipelineProgress
from schemas.topics import EVENTS_RESOLVED, SESSIONS
from tests.faults.crew import Crew
from tests.faults.figures import Figures
from tests.faults.scenario import assert_sound, phases, pieces
from tests.oracle.scene import Scene
from tests.oracle.stream import Delivery
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

BACK_WITHIN_S = 90.0


@pytest.mark.slow
def test_the_broker_goes_and_comes_back_under_load(crew: Crew, scene: Scene, figures: Figures, is_long: bool) -> None:
    """In the short form it is killed, which asks more of it and of the others than being stopped."""
    _play_with_outages(
        crew, scene, figures, 4 if is_long else 1, lambda kafka, number: kafka.stop() if number % 2 else kafka.kill()
    )


@pytest.mark.soak
def test_the_brokers_disk_is_full(crew: Crew, scene: Scene, figures: Figures) -> None:
    """Provoked by a limit on the size of its files: every append fails, as on a full disk, and the broker halts."""

    def fill(kafka: StackProcess, _: int) -> None:
        assert kafka.pid is not None
        resource.prlimit(kafka.pid, resource.RLIMIT_FSIZE, (1024, 1024))
        assert kafka.wait(BACK_WITHIN_S), "the broker goes on although it cannot write"

    _play_with_outages(crew, scene, figures, 4, fill)


def _play_with_outages(
    crew: Crew, scene: Scene, figures: Figures, outages: int, end_broker: Callable[[StackProcess, int], None]
) -> None:
    rng = random.Random(30)
    played = phases(scene, seed=30, number=outages, visitors=60)
    kafka, progress = scene.stack.process("kafka"), PipelineProgress(scene.stack.settings)
    for number, (end, sent) in enumerate(played):
        before, after = pieces(sent, 2)
        scene.sender.send(before)
        with _sending(scene, after) as is_sent:
            end_broker(kafka, number)
            assert not is_sent(), "all was sent before: the outage proves nothing"
            time.sleep(rng.uniform(5, 45) if outages > 2 else 3)
            kafka.restart()
            wait_until(lambda: _all_back(crew, scene) and is_sent(), "all processes to come back", BACK_WITHIN_S)
        # A rebuilder whose group has forgotten it meanwhile hears so only now, and ends to be started again.
        wait_until(lambda: _all_back(crew, scene) and not progress.lagging(), "all to be read", BACK_WITHIN_S)
        scene.rest_at(end)
        figures.kills += 1
        figures.events += len(sent)
    figures.notes.append(f"worker started again {crew.restarts} times")
    assert_sound(scene, played, may_repeat=True)


@contextmanager
def _sending(scene: Scene, sent: Sequence[Delivery]) -> Iterator[Callable[[], bool]]:
    """Send in a thread; what is given back says whether all was acknowledged."""
    with ThreadPoolExecutor(1) as executor:
        sending = executor.submit(scene.sender.send, sent)
        yield sending.done
        sending.result()


def _all_back(crew: Crew, scene: Scene) -> bool:
    """Start again what ended by itself; whether everything serves."""
    crew.tend()
    processes = [scene.stack.process(name) for name in ("collector", "sink", "rebuilder")]
    for process in processes:
        process.start()
    return all(process.spec.ready() for process in [crew.worker(), *processes])


@pytest.mark.slow
@pytest.mark.parametrize("topic", [SESSIONS, pytest.param(EVENTS_RESOLVED, marks=pytest.mark.soak)])
def test_a_topic_that_may_not_be_written_stops_the_worker_with_its_name_and_loses_nothing(
    topic: str, crew: Crew, scene: Scene, figures: Figures
) -> None:
    played = phases(scene, seed=31, number=1)
    ((end, sent),) = played
    with _forbidden(scene, topic):
        scene.sender.send(sent)
        for _ in range(2):
            assert crew.ended() == "exit code 1"
            assert f'"{topic}"' in crew.log().read_text()
            assert "stopping: CommitFailed" in crew.log().read_text()
            assert "Topic authorization failed" in crew.log().read_text()
            crew.tend()
            figures.kills += 1
    wait_until(lambda: _all_back(crew, scene), "all processes to come back", BACK_WITHIN_S)
    scene.rest_at(end)
    figures.events = len(sent)
    assert_sound(scene, played)


@contextmanager
def _forbidden(scene: Scene, topic: str) -> Iterator[None]:
    """Nobody may write to the topic for a while."""
    admin = AdminClient({"bootstrap.servers": scene.stack.addresses.kafka})

    def rule(operation: AclOperation, permission: AclPermissionType) -> AclBinding:
        return AclBinding(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, "User:*", "*", operation, permission)

    rules = [rule(AclOperation.ALL, AclPermissionType.ALLOW), rule(AclOperation.WRITE, AclPermissionType.DENY)]
    for made in admin.create_acls(rules).values():
        made.result()
    try:
        yield
    finally:
        every = AclBindingFilter(
            ResourceType.TOPIC,
            topic,
            ResourcePatternType.LITERAL,
            "User:*",
            "*",
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        for deleted in admin.delete_acls([every]).values():
            deleted.result()
