"""A store that is lost: how fast it comes back from its changelog."""

import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from schemas.topics import changelog
from settings import Settings
from state.changelog import recover
from state.store import StateStore
from streams.agents.profile.stage import ProfileStage


class Recovery(NamedTuple):
    """Of all partitions of the table `profiles`, one after the other, on one core."""

    records: int
    seconds: float
    cpu_s: float


def measure(settings: Settings) -> Recovery:
    """Rebuild every partition's store in an empty folder."""
    topic = changelog(ProfileStage.table)
    records = 0
    started, cpu_s = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        for partition in range(settings.partitions):
            store = StateStore(Path(folder) / str(partition), ProfileStage.deadline_of)
            records += recover(settings.kafka, topic, partition, store, lambda: False).records
            store.close()
    return Recovery(records, time.monotonic() - started, time.process_time() - cpu_s)
