"""Restores the store of a task, and says how long that took. The worker before is fenced."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.topics import changelog
from state.restoring import Changelog, Restored
from state.restoring import restore as restore_store
from streams import metrics
from streams.failpoints import reached
from streams.phases import Stage


def restore(stage: Stage[Any], partition: int, kafka: str, path: Path, stop: Callable[[], bool]) -> Restored:
    """Open the store and bring it up to date. Blocking; returns early and raises as `state.restoring.restore`."""
    topic = Changelog(kafka, changelog(stage.table), partition)
    restored = restore_store(topic, path, stage.deadline_of, stop, reached)
    metrics.note_recovery(stage.name, restored.recovered.records, restored.recovered.seconds)
    return restored
