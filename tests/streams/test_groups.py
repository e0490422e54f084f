"""The worker's consumer group is what its stages read."""

from schemas.groups import WORKER
from streams.agents.graph import GraphStage
from streams.agents.profile.stage import ProfileStage
from streams.agents.resolve import ResolveStage


def test_the_group_of_the_worker_commits_the_topics_of_its_stages() -> None:
    topics = [topic for stage in (ResolveStage, GraphStage, ProfileStage) for topic in stage.topics]

    assert sorted(topics) == sorted(WORKER.reads)
