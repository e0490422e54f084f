"""Definitions that are applied to a running stack, and how long until they are in effect for everybody."""

import time
from functools import partial

from definitions import Definitions
from definitions.sets import DefinitionSet
from definitions.sets.births import next_set
from definitions.sets.topic import apply_set, read_publication
from onefold.commands.apply import waiting_for
from runtime.clock import now_ms
from settings import Settings

POLL_S = 0.2
AT_MOST_S = 1_800.0


def apply(settings: Settings, defined: Definitions) -> dict[str, float]:
    """Apply them, and return once everybody is evaluated by them: after how many seconds each step began, and `all`.

    Raises TimeoutError.
    """
    started, steps = time.monotonic(), dict[str, float]()
    applied = apply_set(settings.kafka, partial(_following, defined), read_publication(settings.kafka).version)
    while waiting := waiting_for(
        read_publication(settings.kafka), applied.version, settings.workspaces, settings.partitions
    ):
        steps.setdefault(waiting.partition(",")[0], time.monotonic() - started)
        if time.monotonic() - started > AT_MOST_S:
            raise TimeoutError(waiting)
        time.sleep(POLL_S)
    return steps | {"all": time.monotonic() - started}


def _following(defined: Definitions, former: DefinitionSet | None) -> DefinitionSet:
    return next_set(former, defined, {}, now_ms(), "bench")
