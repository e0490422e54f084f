"""The consumer groups of an installation: who reads which topics to their ends, and what its commits say.

A group commits an offset once everything before it has had its effect; a group that has committed the end of a topic
has worked all of it off. `onefold drain` and the rebuilder's barrier rely on that.
"""

import msgspec

from schemas import topics


class ConsumerGroup(msgspec.Struct, frozen=True):
    """`reads`: the topics that it commits. `may_be_absent`: it counts once it has committed something."""

    name: str
    reads: tuple[str, ...]
    may_be_absent: bool = False

    def member(self, name: str) -> str:
        """Return the static id of a member, which has its partitions back as soon as it is started again."""
        return f"{self.name}-{name}"


WORKER = ConsumerGroup(
    topics.APP,  # Faust names its group like the app
    (
        topics.EVENTS,
        topics.IDENTITY_REQUESTS,
        topics.IDENTITY_ROUTES,
        topics.EVENTS_RESOLVED,
        topics.PROFILE_COMMANDS,
    ),
)
"""Commits a batch of a task after its outputs and its state."""

SINK = ConsumerGroup(
    f"{topics.APP}-sink",
    (
        topics.EVENTS_RESOLVED,
        topics.EVENTS_REPEATED,
        topics.PROFILES,
        topics.SESSIONS,
        topics.SEGMENTS,
        topics.TRIGGERS,
        topics.DELIVERIES,
        topics.CONSENTS,
        topics.EVENTS_REJECTED,
        topics.EVENTS_DEAD,
        topics.IDENTITY_LINKS,
        topics.IDENTITY_CHANGES,
    ),
)
"""Commits a batch after ClickHouse has taken all of its rows."""

REBUILDER = ConsumerGroup(f"{topics.APP}-rebuilder", (topics.IDENTITY_CHANGES,), may_be_absent=True)
"""Commits changes after every profile that they name has folded its events anew; once before it is ready."""

DELIVERER = ConsumerGroup(f"{topics.APP}-deliverer", (), may_be_absent=True)
"""Commits an activation once it is admitted to its line; it reads those of the destinations that have a receiver."""

GROUPS = (REBUILDER, WORKER, SINK)
