"""What time it is in a workspace, and the past times that people ask for."""

from api.requests import RequestRefused, requested_time
from definitions.across.remembered import Remembered, remembered
from definitions.sets.topic import ensure_topic
from definitions.streaming.times import text_of
from runtime.kafka.reading import read_to_end
from schemas.topics import TRIGGERS_ACROSS
from settings import Settings
from warehouse.client import look_ups
from warehouse.queries.segments import Segments


def has_event_clock(settings: Settings, workspace: str) -> bool:
    """Return whether a workspace is known to go by the time of its events."""
    member = settings.workspaces.get(workspace)
    return member is not None and member.clock == "event"


def queried_time(settings: Settings, workspace: str, at: str | None) -> int | None:
    """Read a past time (ms); None for now. Raises RequestRefused, also for a time to come, and OnefoldError."""
    if at is None:
        return None
    time, is_event_clock = requested_time("at", at), has_event_clock(settings, workspace)
    now = Segments(look_ups(settings.clickhouse), workspace, is_event_clock).now()
    if is_event_clock and time > now:  # `onefold clock advance` may have moved it beyond what profiles show
        moved = remembered_across(settings).clocks.get(workspace)
        now = now if moved is None else max(now, moved.to)
    if time > now:
        clock = "the event clock" if is_event_clock else "the clock"
        raise RequestRefused("at", f"{at!r} lies in the future: by {clock} of {workspace!r} it is {text_of(now)}")
    return time


def remembered_across(settings: Settings) -> Remembered:
    """Return what is remembered of triggers across persons, and of clocks that were moved. Raises OnefoldError."""
    ensure_topic(settings.kafka, settings.replication, topic=TRIGGERS_ACROSS)
    return remembered(message.value() for message in read_to_end(settings.kafka, [TRIGGERS_ACROSS]))
