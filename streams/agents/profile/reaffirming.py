"""Says once more at a destination who is in a segment, as what the receiver knows people by has moved (0042).

Where states are held, a receiver goes by addresses, and each profile's deliveries go on a line of their own. So what is
said last of an address must be said by whoever has it: once it is theirs, and again after each exit of another profile
that had it. What is said here is about no change of a membership, and goes to destinations alone.
"""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from msgspec.structs import replace

from definitions.addresses import addresses, has_addresses
from definitions.destinations import Destination
from schemas.activations import REAFFIRM, REINSTATE, covers
from schemas.identity import stable_id
from schemas.records import Identifier, Reaffirm, SegmentChange
from streams.agents.profile.batch import Batch, BatchProfile
from streams.agents.profile.decoding import Addressed
from streams.fold.entry import Forward, identifiers_of
from streams.fold.state import ProfileState


def reaffirm(batch: Batch, profile: BatchProfile, state: ProfileState | None, command: Reaffirm) -> None:
    """Say that the profile is in the segment, if it is and another one has left it; have others say so too.

    However late that is: the receiver had the person by the other one, until the exit.

    Those are whoever has identifiers of the exit by now, found by way of the identifiers' default profiles. What the
    profile has left itself needs no more: its own line is in order.
    """
    profile_id = profile.context.profile_id
    if state is not None and command.origin != profile_id:
        statements = _Statements(batch, profile, state)
        for destination in statements.holding(command.segment):
            if destination.kept_as == command.destination:
                statements.enter(destination, command.segment, REINSTATE)
    elsewhere = {
        batch.default_profile_id(profile, identifier)
        for identifier in command.identifiers
        if state is None or not state.identifiers.has(identifier)
    }
    for target in sorted(elsewhere - {profile_id, command.origin}):
        batch.send(profile, target, replace(command, identifiers=()))


def take_unread(batch: Batch, addressed: Addressed, command: Reaffirm) -> bool:
    """Return whether a profile that has left by itself has nothing to say, without reading all of it.

    So it is after most exits: whoever has left has all its identifiers yet.
    """
    if command.origin != addressed.profile_id or batch.has_read(addressed.key):
        return False
    stored = batch.view.get(addressed.key)
    identifiers = None if stored is None else identifiers_of(stored)
    return identifiers is not None and all(map(identifiers.has, command.identifiers))


def pass_on(batch: Batch, profile: BatchProfile, entry: Forward, command: Reaffirm) -> None:
    """Send the command on to where the identifiers have gone."""
    batch.send(profile, entry.target, command)


def readdress(batch: Batch, profile: BatchProfile, state: ProfileState, former: tuple[Identifier, ...]) -> None:
    """Say of a profile whose identifiers were others that it is in its segments, unless it has entered under those.

    Where an entry under those of now does not name all that the former one did, the exit of that goes before.
    """
    statements, identifiers = _Statements(batch, profile, state), state.identifiers.listed()
    entered = {
        each.segment
        for each in profile.outputs.segment_changes
        if each.change == "entered" and each.identifiers == identifiers
    }
    segments = sorted(state.memberships.entered_at.keys() - entered)
    for segment, destination, is_covered in statements.moved(former, segments):
        if not is_covered:
            statements.exit(destination, segment, former)
        statements.enter(destination, segment)


def withdraw(batch: Batch, profile: BatchProfile, state: ProfileState, former: tuple[Identifier, ...]) -> None:
    """Say that a profile that has lost identifiers is not in its segments under the former ones, until it is rebuilt.

    `state`: what is kept of it, with the identifiers that are left.
    """
    statements = _Statements(batch, profile, state)
    for segment, destination, is_covered in statements.moved(former, sorted(state.memberships.entered_at)):
        if not is_covered:
            statements.exit(destination, segment, former)


def confirm(batch: Batch, profile: BatchProfile, state: ProfileState, segments: Iterable[str]) -> None:
    """Say of a profile that was rebuilt that it still is in segments: its identifiers may be others."""
    statements = _Statements(batch, profile, state)
    for segment in segments:
        for destination in statements.holding(segment):
            if has_addresses(destination):
                statements.enter(destination, segment)


class _Statements(NamedTuple):
    """What is said of one profile."""

    batch: Batch
    profile: BatchProfile
    state: ProfileState

    def holding(self, segment: str) -> Iterator[Destination]:
        """Yield where the segment is sent and states are held."""
        named = self.batch.adopted.destinations.get((self.profile.context.workspace, segment), ())
        return (destination for destination in named if destination.holds == "states")

    def moved(self, former: tuple[Identifier, ...], segments: Iterable[str]) -> Iterator[tuple[str, Destination, bool]]:
        """Yield each segment and destination with other addresses now, and whether these name all the former ones."""
        identifiers = self.state.identifiers.listed()
        for segment in segments if former != identifiers else ():
            for destination in self.holding(segment):
                before, now = addresses(destination, former), addresses(destination, identifiers)
                if before != now:
                    yield segment, destination, covers(now, before)

    def enter(self, destination: Destination, segment: str, cause: str = REAFFIRM) -> None:
        """Say that the profile is in a segment, if it is, unless just that was said last."""
        identifiers = self.state.identifiers.listed()
        said = [each for each in self.profile.outputs.reaffirmed.get(destination, ()) if each.segment == segment]
        is_said = said and (said[-1].change, said[-1].identifiers) == ("entered", identifiers)
        is_said_so = is_said and cause in {REAFFIRM, said[-1].cause}
        if segment in self.state.memberships.entered_at and not is_said_so:
            self._say(destination, segment, "entered", identifiers, cause)

    def exit(self, destination: Destination, segment: str, former: tuple[Identifier, ...]) -> None:
        """Say that nobody with these identifiers is in a segment any more."""
        self._say(destination, segment, "exited", former, REAFFIRM)

    def _say(
        self,
        destination: Destination,
        segment: str,
        change: Literal["entered", "exited"],
        identifiers: tuple[Identifier, ...],
        cause: str,
    ) -> None:
        context, lineage = self.profile.context, self.state.lineage
        lineage.version = version = lineage.version + 1
        entered_at = self.state.memberships.entered_at
        about = f"{context.workspace}|{context.profile_id}|{destination.kept_as}|{segment}|{change}|{version}"
        said = SegmentChange(
            context.workspace,
            stable_id(f"{REAFFIRM}|{about}"),
            context.profile_id,
            segment,
            change,
            entered_at[segment] if change == "entered" else self.batch.now(self.profile),
            cause,
            version,
            identifiers,
            context.kind,
            context.decided_at,
            context.definition,
        )
        self.profile.outputs.reaffirmed.setdefault(destination, []).append(said)
        self.profile.changed = True
