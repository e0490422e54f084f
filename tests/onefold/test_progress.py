"""Drained means: every group has committed up to every end, or there is nothing to commit."""

import pytest

from onefold.progress import lagging
from runtime.kafka.offsets import Extent
from schemas import topics
from schemas.groups import SINK, WORKER

EVENTS = (topics.EVENTS, 0)


@pytest.mark.parametrize(
    ("committed", "extent", "missing"),
    [
        (None, Extent(0, 0), None),
        (None, Extent(7, 7), None),
        (3, Extent(7, 7), None),
        (None, Extent(0, 2), 2),
        (0, Extent(0, 2), 2),
        (1, Extent(0, 2), 1),
        (2, Extent(0, 2), None),
        (3, Extent(0, 2), None),
    ],
    ids=[
        "never used",
        "emptied before a commit",
        "emptied after a commit",
        "not begun",
        "committed at the start",
        "one to go",
        "at the end",
        "beyond an end that was read before",
    ],
)
def test_a_partition_lags_until_its_end_is_committed(
    committed: int | None, extent: Extent, missing: int | None
) -> None:
    offsets = {} if committed is None else {EVENTS: committed}
    lags = lagging({WORKER.name: offsets}, {EVENTS: extent})
    assert [lag.records for lag in lags] == ([] if missing is None else [missing])


def test_each_group_answers_for_its_own_topics_only() -> None:
    resolved, profiles = (topics.EVENTS_RESOLVED, 1), (topics.PROFILES, 1)
    extents = {EVENTS: Extent(0, 1), resolved: Extent(0, 1), profiles: Extent(0, 1)}
    lags = lagging({WORKER.name: {EVENTS: 1}, SINK.name: {resolved: 1}}, extents)
    assert [(lag.group, lag.topic, lag.partition) for lag in lags] == [
        (WORKER.name, topics.EVENTS_RESOLVED, 1),
        (SINK.name, topics.PROFILES, 1),
    ]
