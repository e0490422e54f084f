"""The registry of consumer groups says what the processes read."""

from schemas import topics
from schemas.groups import GROUPS, REBUILDER, SINK, WORKER
from sinks.clickhouse.rows import ROWS
from streams.agents.graph import GraphStage
from streams.agents.profile.stage import ProfileStage
from streams.agents.resolve import ResolveStage


def test_the_groups_are_those_of_the_worker_the_sink_and_the_rebuilder() -> None:
    assert set(GROUPS) == {WORKER, SINK, REBUILDER}
    assert REBUILDER.reads == (topics.IDENTITY_CHANGES,)
    assert set(SINK.reads) == set(ROWS)
    assert set(WORKER.reads) == {*ResolveStage.topics, *GraphStage.topics, *ProfileStage.topics}
