"""Rebuilds profiles (docs/decisions/0009): begins to wait, buffers meanwhile, folds the replay, and goes on."""

from schemas.records import Rebuild
from streams import metrics
from streams.agents.profile.batch import Batch, BatchProfile
from streams.agents.profile.buffer import Buffer
from streams.agents.profile.decoding import Addressed, Outdating, ReplayChunk, RoutedEvent
from streams.agents.profile.denying import give_away
from streams.agents.profile.ids import forget_stored
from streams.agents.profile.merging import is_void, outdate
from streams.agents.profile.reaffirming import confirm, withdraw
from streams.fold import rebuild
from streams.fold.entry import Forward, Rebuilding
from streams.fold.state import ProfileState


def begin(batch: Batch, profile: BatchProfile, entry: ProfileState | Forward | None, command: Rebuild) -> None:
    """Wait for the replay of the events that belong here from this decision on."""
    rebuilding = rebuild.begin(entry, command, batch.now(profile), profile.outputs)
    if rebuilding is not None:
        if isinstance(entry, ProfileState):
            withdraw(batch, profile, rebuilding.kept, entry.identifiers.listed())
        profile.wait_for(rebuilding)


def begin_again(batch: Batch, profile: BatchProfile, former: Rebuilding, command: Rebuild) -> None:
    """Wait for another replay by a later decision; what is buffered stays so."""
    rebuilding = rebuild.begin(former, command, batch.now(profile), profile.outputs)
    if rebuilding is not None:
        _buffer(batch, profile, former).forget_outputs(former.next_chunk)
        withdraw(batch, profile, rebuilding.kept, former.kept.identifiers.listed())
        profile.wait_for(rebuilding)


def give_way(batch: Batch, profile: BatchProfile, rebuilding: Rebuilding, outdating: Outdating) -> None:
    """Wait no longer, since the events are replayed at the target; what is buffered follows them there.

    The own replay may never come: a part of it may be a dead letter.
    """
    if is_void(profile, outdating.command) or outdating.command.decision < rebuilding.decision:
        return
    buffered = _buffer(batch, profile, rebuilding)
    buffered.forget_outputs(rebuilding.next_chunk)
    give_away(profile, rebuilding.kept, rebuilding.kept.identifiers.listed())
    profile.entry = former = rebuild.published_state(rebuilding, batch.now(profile))
    outdate(batch, profile, former, outdating)
    batch.resume(profile, buffered.take())


def buffer(batch: Batch, profile: BatchProfile, rebuilding: Rebuilding, addressed: Addressed) -> None:
    """Keep a record, in order, until the profile is rebuilt; an event without what came with it."""
    match addressed.content:
        case RoutedEvent() as routed:
            _buffer(batch, profile, rebuilding).add(routed.event, routed.encoded)
        case _:
            _buffer(batch, profile, rebuilding).add(None, addressed.raw)
    batch.tally[metrics.BUFFERED, ()] += 1
    profile.changed = True


def replay(batch: Batch, profile: BatchProfile, rebuilding: Rebuilding, chunk: ReplayChunk) -> None:
    """Fold a chunk of the replay; with the last one, go on with what was buffered."""
    command, workspace = chunk.command, profile.context.workspace
    if command.decision != rebuilding.decision:
        return
    buffered, earlier_chunks = _buffer(batch, profile, rebuilding), rebuilding.next_chunk
    if command.chunk == 0 and rebuild.begin_attempt(rebuilding, command.attempt, command.version):
        buffered.forget_outputs(earlier_chunks)
        forget_stored(profile.key, batch.view)
    if not rebuild.is_next(rebuilding, command.attempt, command.chunk):
        return
    _fold(batch, profile, rebuilding, chunk)
    profile.changed = True
    batch.tally[metrics.EVENTS, (workspace, "replayed")] += buffered.drop(chunk.events)
    if not command.last:
        buffered.put_outputs(command.chunk, command.sessions)
        return
    published, now = [*buffered.take_outputs(), *command.sessions], batch.now(profile)
    state = rebuild.finish(rebuilding, published, now, profile.context, profile.outputs)
    member_of = rebuilding.kept.memberships.entered_at.keys() & state.memberships.entered_at.keys()
    confirm(batch, profile, state, sorted(member_of))
    profile.publish(state, now)
    batch.tally[metrics.REBUILT, (workspace,)] += 1
    batch.resume(profile, buffered.take())


def _fold(batch: Batch, profile: BatchProfile, rebuilding: Rebuilding, chunk: ReplayChunk) -> None:
    """Fold a chunk, and publish which of its events count as repetitions now, and which do so no more."""
    command, shadow = chunk.command, rebuilding.shadow
    assert shadow is not None, "begun before"
    known, repeated = batch.known_ids(profile, shadow), frozenset(command.repeated)
    meanwhile = _buffer(batch, profile, rebuilding).came_meanwhile(chunk.events)
    replayed = rebuild.replay(rebuilding, chunk.events, known.is_stored, profile.context, profile.outputs, meanwhile)
    for number, is_folded in replayed:
        # Of one that counts no more this is said once more: an earlier decision may have said otherwise meanwhile.
        if not is_folded or number in repeated:
            batch.publish_repetition(profile, shadow.lineage, command.events[number], is_repeated=not is_folded)
    known.store_full()


def _buffer(batch: Batch, profile: BatchProfile, rebuilding: Rebuilding) -> Buffer:
    return Buffer(profile.key, rebuilding, batch.view)
