"""How pytest-xdist spreads the tests over processes (`make test`), so that few of them start a stack."""

from xdist.scheduler import LoadScopeScheduling

# The folders whose tests share a stack that is like no other.
OWN_STACK = (
    "tests/sinks/",
    "tests/faults/",
    "tests/guide/",
    "tests/jobs/maintenance/",
    "tests/oracle/",
    "tests/jobs/rebuild/",
    "tests/jobs/mining/",
    "tests/jobs/across/",
    "tests/jobs/backfill/",
)
# The files whose tests use the stack that is like any other: one process starts it for all of them.
SHARED_STACK = (
    "tests/api/test_clocks.py",
    "tests/api/test_consents.py",
    "tests/api/test_deliveries.py",
    "tests/api/test_explaining.py",
    "tests/api/test_operators.py",
    "tests/api/test_segment_lookups.py",
    "tests/collectors/sources/files/test_command.py",
    "tests/collectors/test_passwords.py",
    "tests/collectors/test_service.py",
    "tests/collectors/test_siege.py",
    "tests/definitions/sets/test_topic.py",
    "tests/embedded/test_stack.py",
    "tests/examples/test_consumers.py",
    "tests/onefold/demo/test_story.py",
    "tests/onefold/fates/test_fates.py",
    "tests/onefold/requests/test_following.py",
    "tests/onefold/requests/test_refused.py",
    "tests/onefold/requests/test_reviewing.py",
    "tests/onefold/requests/test_unmerging.py",
    "tests/onefold/test_definition_sets.py",
    "tests/onefold/test_deliveries.py",
    "tests/onefold/test_destination_of_profile.py",
    "tests/onefold/test_destination_sync.py",
    "tests/onefold/test_env.py",
    "tests/onefold/test_hostile_text.py",
    "tests/onefold/test_segment.py",
    "tests/runtime/kafka/test_offsets.py",
    "tests/runtime/kafka/test_producer.py",
    "tests/runtime/kafka/test_reading.py",
    "tests/schemas/test_registry.py",
    "tests/streams/tasks/test_assignment.py",
    "tests/streams/tasks/test_task.py",
    "tests/streams/test_bombs.py",
    "tests/streams/test_worker.py",
    "tests/streams/transport/test_reader.py",
)
_SHARED = "the shared stack"
# What takes longest begins first, so that the others fit beside it and all processes end together.
LONG = (
    "tests/sinks/",
    _SHARED,
    *OWN_STACK[1:],
    "tests/deliveries/test_everything_arrives.py",
    "tests/deliveries/test_whole_way.py",
    "tests/onefold/test_up.py",
    "tests/runtime/http/test_serving.py",
    "tests/collectors/test_serving.py",
)


def rank(nodeid: str) -> int:
    """When the test's unit begins: the longer it takes, the earlier."""
    own = unit(nodeid)
    return LONG.index(own) if own in LONG else len(LONG)


def unit(nodeid: str) -> str:
    """What a test stays in one process with: all that use its stack, otherwise its file.

    Not xdist's own groups, which pytest 9.2 has silently done away with (pytest-xdist 3.8 writes to a private field).
    """
    file = nodeid.partition("::")[0]
    if file in SHARED_STACK:
        return _SHARED
    return next((folder for folder in OWN_STACK if file.startswith(folder)), file)


class UnitScheduling(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Hands out units in the order of collection, each to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)
