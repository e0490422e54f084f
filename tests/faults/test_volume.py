"""Far too much of one person: a key with a third of all events, and a bot; memory and disk stay bounded."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from schemas.identity import default_profile_id, profile_key
from schemas.records import Event, Identifier
from schemas.topics import changelog
from tests.faults.crew import Crew
from tests.faults.figures import Figures
from tests.faults.scenario import assert_sound
from tests.oracle import topic
from tests.oracle.scene import Scene
from tests.oracle.segments import HOUR_MS
from tests.oracle.stream import START, WEB, Delivery, device

pytestmark = [pytest.mark.stack, pytest.mark.timeout(3600)]

SPAN_MS = 20 * HOUR_MS  # within the day for which sessions are exact
DRAINED_WITHIN_S = 1800
STATE_BYTES = 100_000
RSS_BYTES = 1_000_000_000
DISK_BYTES = 1_000_000_000


@pytest.mark.slow
def test_a_key_with_a_third_of_all_events(crew: Crew, scene: Scene, figures: Figures, is_long: bool) -> None:
    number = 200_000 if is_long else 3_000
    sent = [
        _event(scene, nth, device("hot") if nth % 10 < 3 else device(f"person-{nth * 7919 % (number // 10)}"), number)
        for nth in range(number)
    ]
    _play(crew, scene, figures, sent)


@pytest.mark.slow
def test_a_bot_with_all_events_on_one_id(crew: Crew, scene: Scene, figures: Figures, is_long: bool) -> None:
    number = 1_000_000 if is_long else 10_000
    _play(crew, scene, figures, [_event(scene, nth, device("hot"), number) for nth in range(number)])


def _play(crew: Crew, scene: Scene, figures: Figures, sent: list[Delivery]) -> None:
    scene.sender.send(sent)
    scene.drain(DRAINED_WITHIN_S)
    end = sent[-1].event.occurred_at
    scene.rest_at(end)
    figures.events = len(sent)
    key = profile_key(scene.workspace.name, default_profile_id(scene.workspace.namespace, device("hot")))
    state = max(
        len(raw.value or b"")
        for raw in topic.read_raw(scene.stack.addresses.kafka, changelog("profiles"))
        if raw.key == key
    )
    pid = crew.worker().pid
    assert pid is not None
    rss = psutil.Process(pid).memory_info().rss
    disk = sum(path.stat().st_size for path in _files(crew.store("profiles", 0).parent))
    figures.notes.append(
        f"state {state / 1000:.0f} kB, worker's memory {rss / 1e6:.0f} MB, its disk {disk / 1e6:.0f} MB"
    )
    assert state < STATE_BYTES
    assert rss < RSS_BYTES
    assert disk < DISK_BYTES
    assert_sound(scene, [(end, sent)])


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _event(scene: Scene, number: int, who: Identifier, of: int) -> Delivery:
    time_ms = START + number * SPAN_MS // of
    event = Event(
        scene.workspace.name, WEB, f"volume-{number}", "track", f"Event {number % 5}", time_ms, None, time_ms, (who,),
        properties='{"sku": "sku-1"}',
    )  # fmt: skip
    return Delivery(event, "kafka")
