"""The life cycle of a task: its states, and which may follow which. What a task does in each is `streams.tasks.task`.

    +---------+     +-----------+     +---------+ ----> +-----------+
    | CREATED | --> | RESTORING | --> | RUNNING |       | SUSPENDED |
    +---------+     +-----------+     +---------+ <---- +-----------+
         |                |                |                  |
         |                v                v                  |
         |             +---------------------+                |
         +-----------> |       CLOSED        | <--------------+
                       +---------------------+

As in Kafka Streams (`processor/internals/Task.java`), except that a task of ours is made anew instead of revived.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class TaskState(Enum):
    """What a task may do. The value is the word for logs."""

    CREATED = "created"  # holds nothing
    RESTORING = "restoring"  # fences the worker before, and applies the changelog to its store
    RUNNING = "running"  # works on batches and sweeps
    SUSPENDED = "suspended"  # begins nothing: a rebalance decides whose the partition is
    CLOSED = "closed"  # begins nothing any more, and releases what it holds once what is under way has ended


_FOLLOWING: Mapping[TaskState, frozenset[TaskState]] = MappingProxyType(
    {
        TaskState.CREATED: frozenset({TaskState.RESTORING, TaskState.CLOSED}),
        TaskState.RESTORING: frozenset({TaskState.RUNNING, TaskState.CLOSED}),
        TaskState.RUNNING: frozenset({TaskState.SUSPENDED, TaskState.CLOSED}),
        TaskState.SUSPENDED: frozenset({TaskState.RUNNING, TaskState.CLOSED}),
        TaskState.CLOSED: frozenset(),
    }
)


class IllegalTransition(Exception):
    """A caller wants of a task what its state does not allow: an error of the program."""


def transition(state: TaskState, following: TaskState) -> TaskState:
    """Return the following state. Raises IllegalTransition where there is no arrow."""
    if following not in _FOLLOWING[state]:
        raise IllegalTransition(f"a task that is {state.value} cannot become {following.value}")
    return following
