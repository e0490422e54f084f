"""Sets of definitions on the real topic of a shared stack: the newest one is the test's own."""

from definitions.model import Definitions, Segment
from definitions.sets import DefinitionSet, next_set
from definitions.sets.topic import apply_set, ensure_topic, read_publication
from embedded.stack import Stack
from runtime.clock import now_ms


def applied(stack: Stack, *segments: Segment) -> DefinitionSet:
    """Apply segments as the next version."""
    return applied_set(stack, Definitions(segments))


def applied_set(stack: Stack, definitions: Definitions) -> DefinitionSet:
    """Apply definitions as the next version."""
    kafka = stack.settings.kafka
    ensure_topic(kafka, 1)
    version = read_publication(kafka).version
    return apply_set(kafka, lambda former: next_set(former, definitions, {}, now_ms(), "test"), version)
