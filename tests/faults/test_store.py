"""A worker's RocksDB wiped, damaged, or of another time: noticed, wiped, rebuilt, never taken for empty."""

import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.crew import Crew
from tests.faults.figures import Figures
from tests.faults.scenario import assert_sound, phases, pieces
from tests.oracle.scene import Scene
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

Damage = Callable[[Path], None]


def _tables(store: Path) -> list[Path]:
    tables = sorted(store.glob("*.sst"))
    assert tables, f"no SST in {store}"
    return tables


def _wipe(store: Path) -> None:
    shutil.rmtree(store)


def _truncate_table(store: Path) -> None:
    os.truncate(_tables(store)[-1], _tables(store)[-1].stat().st_size // 2)


def _delete_table(store: Path) -> None:
    _tables(store)[-1].unlink()


def _rot_tables(store: Path) -> None:
    """Change the data, but not the index and the properties at the end: opening succeeds, reading does not."""
    for path in _tables(store):
        content = bytearray(path.read_bytes())
        for position in range(0, len(content) * 6 // 10, 64):
            content[position] ^= 0xFF
        path.write_bytes(content)


def _delete_current(store: Path) -> None:
    (store / "CURRENT").unlink()


def _leave_tables_only(store: Path) -> None:
    """What RocksDB would take for an empty folder, and silently fill anew."""
    for path in [store / "CURRENT", *store.glob("*.log")]:
        path.unlink()


def _delete_manifest(store: Path) -> None:
    for path in store.glob("MANIFEST-*"):
        path.unlink()


DAMAGES: dict[str, tuple[Damage, str]] = {
    "wiped": (_wipe, ""),
    "an SST truncated": (_truncate_table, "unreadable, rebuilding"),
    "an SST deleted": (_delete_table, "unreadable, rebuilding"),
    "SSTs rotten inside": (_rot_tables, "unreadable, rebuilding"),
    "CURRENT deleted": (_delete_current, "unreadable, rebuilding"),
    "CURRENT and logs deleted": (_leave_tables_only, "unreadable, rebuilding"),
    "MANIFEST deleted": (_delete_manifest, "unreadable, rebuilding"),
}
# One of each kind: all is gone, opening fails, opening succeeds.
IN_SHORT = ("wiped", "CURRENT and logs deleted", "SSTs rotten inside")


@pytest.mark.slow
def test_a_damaged_store_is_noticed_and_rebuilt(crew: Crew, scene: Scene, figures: Figures, is_long: bool) -> None:
    ((end, sent), *_) = played = phases(scene, seed=40, number=1, visitors=40 if is_long else 20)
    damages = DAMAGES if is_long else {name: DAMAGES[name] for name in IN_SHORT}
    first, *rest = pieces(sent, 1 + len(damages))
    scene.sender.send(first)
    for (damage, said), piece in zip(damages.values(), rest, strict=True):
        scene.drain()
        crew.worker().kill()
        crew.start()  # opening it writes what the log held into SSTs
        crew.worker().kill()
        for partition in range(scene.stack.settings.partitions):
            for table in ("identifiers", "profiles"):
                damage(crew.store(table, partition))
        crew.start(awaited=False)
        scene.sender.send(piece)
        wait_until(lambda: _is_back(crew), f"a worker after its store was damaged: {damage.__name__}")
        assert said in crew.log().read_text(), f"{damage.__name__} was not noticed"
        figures.kills += 1
    figures.events = len(sent)
    figures.notes.append(", ".join(damages))
    figures.notes.append(f"worker started again {crew.restarts} times")
    scene.rest_at(end)
    assert_sound(scene, played)


def _is_back(crew: Crew) -> bool:
    """Whether the worker serves; it may end first, over what it reads, and is then started again."""
    crew.tend()
    return crew.worker().spec.ready()


@pytest.mark.slow
def test_a_store_that_went_back_in_time_catches_up(crew: Crew, scene: Scene, figures: Figures, tmp_path: Path) -> None:
    ((end, sent), *_) = played = phases(scene, seed=41, number=1)
    old = tmp_path / "old"
    store = crew.store("profiles", 0).parent
    for number, piece in enumerate(pieces(sent, 3)):
        scene.sender.send(piece)
        scene.drain()
        crew.worker().kill()
        if number == 0:
            shutil.copytree(store, old)
        elif number == 1:
            shutil.rmtree(store)
            shutil.copytree(old, store)
        crew.start()
        figures.kills += 1
    figures.events = len(sent)
    scene.rest_at(end)
    assert_sound(scene, played)


@pytest.mark.slow
def test_a_worker_whose_disk_is_full_stops_and_goes_on_once_there_is_room(
    crew: Crew, scene: Scene, figures: Figures
) -> None:
    ((end, sent), *_) = played = phases(scene, seed=42, number=1)
    pid = crew.worker().pid
    assert pid is not None
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1024, 1024))
    scene.sender.send(sent)
    assert crew.ended() == "exit code 1"
    crew.tend()
    crew.await_ready()
    figures.kills, figures.events = 1, len(sent)
    scene.rest_at(end)
    assert_sound(scene, played)
