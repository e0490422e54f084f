"""The one table of what a profile does with a record: by what the record says, and by what the profile is then."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from schemas.records import Advance, Attribute, Disown, Mine, Reaffirm, Rebuild, Seed, Transfer
from streams import metrics
from streams.agents.profile import denying, events, merging, mining, ownership, reaffirming, rebuilding, seeding
from streams.agents.profile.batch import Batch, BatchProfile
from streams.agents.profile.decoding import AbsorbedState, Addressed, Denied, Outdating, ReplayChunk, RoutedEvent
from streams.agents.profile.settling import release
from streams.agents.profile.walking import take_over
from streams.fold.entry import Forward, Rebuilding
from streams.fold.state import ProfileState

Said = TypeVar("Said")


def ignore(batch: Batch, profile: BatchProfile, entry: object, content: object) -> None:
    """Do nothing: the record is about what the profile no longer is, or not yet."""


class Handlers(NamedTuple, Generic[Said]):
    """Who handles one kind of record. `command`: its name in metrics; empty for an event.

    `profile`: for a profile, also one that nothing is known of yet. `forward`: for one that was merged away.
    `rebuilding`: for one that waits for its replay; None: the record is buffered until then.
    """

    command: str
    profile: Callable[[Batch, BatchProfile, ProfileState | None, Said], None]
    forward: Callable[[Batch, BatchProfile, Forward, Said], None]
    rebuilding: Callable[[Batch, BatchProfile, Rebuilding, Said], None] | None = None


HANDLERS: Mapping[type, Handlers[Any]] = {
    #                                                  a profile            a forward          under rebuild
    RoutedEvent: Handlers[RoutedEvent]("",             events.fold,         events.forward),
    Transfer: Handlers[Transfer]("transfer",           merging.transfer,    merging.redirect),
    Outdating: Handlers[Outdating]("outdate",          merging.outdate,     merging.outdate,   rebuilding.give_way),
    AbsorbedState: Handlers[AbsorbedState]("absorb",   merging.absorb,      merging.pass_on),
    Rebuild: Handlers[Rebuild]("rebuild",              rebuilding.begin,    rebuilding.begin,  rebuilding.begin_again),
    ReplayChunk: Handlers[ReplayChunk]("replay",       ignore,              ignore,            rebuilding.replay),
    Attribute: Handlers[Attribute]("attribute",        ownership.attribute, ignore),
    Disown: Handlers[Disown]("disown",                 ignore,              ignore,            ownership.disown),
    Seed: Handlers[Seed]("seed",                       seeding.take,        seeding.pass_on),
    Mine: Handlers[Mine]("mine",                       mining.take,         mining.pass_on),
    Denied: Handlers[Denied]("deny",                   denying.take,        denying.pass_on,   denying.take_early),
    Reaffirm: Handlers[Reaffirm]("reaffirm",           reaffirming.reaffirm, reaffirming.pass_on),
}  # fmt: skip

UNREAD: Mapping[type, Callable[[Batch, Addressed, Any], bool]] = {
    Seed: seeding.take_unread,
    Reaffirm: reaffirming.take_unread,
}
"""What most profiles take without being read whole; of each whether this one did."""


def handle(batch: Batch, addressed: Addressed) -> None:
    """Handle one record. A command to advance the clock is for all profiles of its workspace."""
    content = addressed.content
    if isinstance(content, Advance):
        batch.clocks.advance(addressed.workspace, content.to)
        return
    handlers = HANDLERS[type(content)]
    take_unread = UNREAD.get(type(content))
    if take_unread is not None and take_unread(batch, addressed, content):
        batch.tally[metrics.COMMANDS, (handlers.command,)] += 1
        return
    profile = batch.profile(addressed.key, addressed.workspace, addressed.profile_id)
    take_over(batch, profile)
    entry = profile.entry
    if isinstance(entry, Rebuilding):
        if handlers.rebuilding is None:
            rebuilding.buffer(batch, profile, entry, addressed)
            return
        handlers.rebuilding(batch, profile, entry, content)
    elif isinstance(entry, Forward):
        handlers.forward(batch, profile, entry, content)
    else:
        handlers.profile(batch, profile, entry, content)
    if profile.settling is not None and isinstance(profile.entry, Forward | Rebuilding):
        release(batch, profile, profile.settling)
        profile.settling = None
    if handlers.command:
        batch.tally[metrics.COMMANDS, (handlers.command,)] += 1
