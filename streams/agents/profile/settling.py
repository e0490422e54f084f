"""Holds back what comes late on the wall clock until what could contradict it has had time to arrive.

A lapse is a change by time alone. One that lies in the past is decided once no further event of the profile has come
for the settling time, and the events that came late are folded in their order then (docs/decisions/0035). What is held
lies beside the profile (`held`); what a merge or a rebuild makes of it is left to `handlers`.
"""

from definitions import NEVER
from streams import metrics
from streams.agents.profile.batch import GRACE_MS, Batch, BatchProfile
from streams.agents.profile.decoding import RoutedEvent
from streams.agents.profile.held import HeldEvents
from streams.fold.entry import Settling
from streams.fold.moment import BEGINNING
from streams.fold.state import ProfileState

LATE_MS = 60_000
"""An event that was received so long after it happened is late, even if no lapse follows from it alone."""
AT_LATEST_MS = 60_000
"""What is held is folded after that time at the latest, and a due lapse waits no longer for an active profile."""
MERGES_WITHIN_MS, MERGES_AT_LATEST_MS = 2_000, 10_000
"""How long a merge may take of which the last awaited event is the cause: the longer, the longer events take."""
EVENTS_PER_MERGE = 3
"""How many times as long as an event a merge is under way."""
MAX_HELD, MAX_HELD_BYTES = 10_000, 16 << 20
RELEASED_AT_ONCE = 20_000
"""How many held events one sweep folds, before what follows from them is committed."""


def is_held_back(batch: Batch, profile: BatchProfile, state: ProfileState | None, routed: RoutedEvent) -> bool:
    """Return whether an event must wait for others that may come before it, or contradict it.

    One on time waits only where some wait that are later than the profile's time.
    """
    event, shortest_ms = routed.event, profile.context.program.shortest_lapse_ms
    if profile.settling is None and batch.clocks.wall_now - event.occurred_at < min(shortest_ms, LATE_MS):
        return False  # nearly all that ever come
    if routed.settled or not batch.clocks.is_wall(profile.context.workspace):
        return False
    if profile.settling is not None and profile.settling.has_later and _is_later(routed, state):
        return True
    return _is_late(batch, profile, event.occurred_at, event.received_at)


def is_correction(profile: BatchProfile, state: ProfileState | None, routed: RoutedEvent) -> bool:
    """Return whether an event that was held back lies in the past of the profile, which it may correct.

    All of them are evaluated together: what one of them would have begun in the past, another one may have ended. One
    at the time to which those before it have brought the profile comes in its order, and corrects nothing.
    """
    if not routed.settled or state is None or _is_later(routed, state):
        return False
    return not profile.reached_at == state.as_of == routed.event.occurred_at


def _is_later(routed: RoutedEvent, state: ProfileState | None) -> bool:
    return state is None or routed.event.occurred_at > state.as_of


def hold(batch: Batch, profile: BatchProfile, state: ProfileState | None, routed: RoutedEvent) -> None:
    """Keep an event until the profile has settled."""
    arrived_at = batch.arrived_at(profile, routed.event.received_at)
    settling = profile.settling = profile.settling or Settling()
    if not settling.held:
        settling.since = arrived_at
    settling.has_later = settling.has_later or _is_later(routed, state)
    HeldEvents(profile.key, settling, batch.view).add(routed)
    under_way_ms = 0 if routed.sent_on else batch.clocks.wall_now - routed.event.received_at
    settling.until = max(settling.until, arrived_at + batch.settling_ms + _merges_within(under_way_ms))
    profile.changed = True
    batch.held += 1
    batch.tally[metrics.EVENTS, (profile.context.workspace, "held")] += 1


def release(batch: Batch, profile: BatchProfile, settling: Settling) -> None:
    """Have what is held handled next, by what the profile is now."""
    batch.held -= settling.held
    batch.resume(profile, HeldEvents(profile.key, settling, batch.view).take())
    profile.changed = True


def release_due(batch: Batch) -> bool:
    """Release what need not wait any longer; return True if some had to be left for another sweep."""
    released = 0
    for profile in batch.profiles():
        settling = profile.settling
        if settling is None or not settling.held:
            continue
        now = batch.due_until(profile)
        if deadline(batch, profile, settling) > now:
            continue
        if released >= RELEASED_AT_ONCE:
            return True
        released += settling.held
        release(batch, profile, settling)
        if not batch.clocks.is_wall(profile.context.workspace) or settling.until <= now:
            profile.settling, profile.has_settled = None, True
    return False


def deadline(batch: Batch, profile: BatchProfile, settling: Settling) -> int:
    """Return when what is held is released, or when a profile that holds nothing is waited for no longer."""
    if not settling.held:
        return settling.until
    is_full = settling.held >= MAX_HELD or settling.held_bytes >= MAX_HELD_BYTES
    if is_full or not batch.clocks.is_wall(profile.context.workspace):
        return min(settling.since, batch.due_until(profile))
    return min(settling.until, settling.since + AT_LATEST_MS)


def is_settling(batch: Batch, profile: BatchProfile) -> bool:
    """Return whether the lapses of a profile have to wait; end the wait of one that holds nothing where it is over.

    One whose events were released early still waits as long as it has come no nearer to now than a late event.
    """
    settling, state = profile.settling, profile.entry
    if settling is None:
        return False
    now = batch.due_until(profile)
    if not settling.held and (
        settling.until <= now or not isinstance(state, ProfileState) or not _is_late(batch, profile, state.as_of, now)
    ):
        profile.settling, profile.has_settled, profile.changed = None, settling.until <= now, True
    return profile.settling is not None


def decided_at(batch: Batch, profile: BatchProfile, state: ProfileState, lapse: int) -> int:
    """Return when a lapse is decided: then, or once nothing more has come for the settling time."""
    if lapse >= NEVER:
        return NEVER
    return max(lapse, min(_settles_at(batch, profile, state), lapse + AT_LATEST_MS))


def decided_until(batch: Batch, profile: BatchProfile, state: ProfileState) -> int:
    """Return the time up to which lapses are decided by now."""
    now = batch.due_until(profile)
    return now if _settles_at(batch, profile, state) <= now else now - AT_LATEST_MS


def _settles_at(batch: Batch, profile: BatchProfile, state: ProfileState) -> int:
    """Return when nothing more is waited for at a profile that holds nothing."""
    if profile.has_settled or not batch.clocks.is_wall(profile.context.workspace):
        return BEGINNING
    last_arrival = state.expiry.kept_until - GRACE_MS
    return last_arrival + batch.settling_ms


def _merges_within(event_under_way_ms: int) -> int:
    """Return how long a merge may take at a time when an event takes so long from its receipt, in ms."""
    return min(max(MERGES_WITHIN_MS, EVENTS_PER_MERGE * event_under_way_ms), MERGES_AT_LATEST_MS)


def _is_late(batch: Batch, profile: BatchProfile, occurred_at: int, received_at: int) -> bool:
    """Return whether a lapse of the past may follow from what happened then."""
    shortest_ms = profile.context.program.shortest_lapse_ms
    if shortest_ms >= NEVER:
        return False
    return occurred_at + shortest_ms <= batch.due_until(profile) or received_at - occurred_at >= LATE_MS
