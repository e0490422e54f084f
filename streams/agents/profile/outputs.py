"""What PROFILE tells others: profiles, sessions, segment changes, commands and routes, as records of their topics."""

from collections.abc import Iterable, Mapping

from definitions import Program
from schemas.codec import Codec
from schemas.identity import identifier_key, profile_key
from schemas.records import (
    Absorb,
    Command,
    Identifier,
    IdentityRequest,
    Profile,
    ProfileCommand,
    Route,
    SegmentChange,
    Session,
)
from schemas.topics import (
    IDENTITY_REQUESTS,
    IDENTITY_ROUTES,
    PROFILE_COMMANDS,
    PROFILES,
    SEGMENTS,
    SESSIONS,
    activation,
)
from streams import metrics
from streams.agents.profile.batch import Slot
from streams.fold.entry import Forward
from streams.fold.moment import FoldContext
from streams.fold.records import deleted_record, is_empty, merged_record, profile_record
from streams.metrics import Tally
from streams.phases import Output


class ProfileOutputs:
    def __init__(self, codec: Codec, programs: Mapping[str, Program]) -> None:
        self._profile = codec.encoder(Profile)
        self._session = codec.encoder(Session)
        self._change = codec.encoder(SegmentChange)
        self._command = codec.encoder(ProfileCommand)
        self._route = codec.encoder(Route)
        self._request = codec.encoder(IdentityRequest)
        self._destinations = {
            (workspace, segment.name): segment.destinations
            for workspace, program in programs.items()
            for segment in program.segments
        }

    def of(self, slot: Slot, now: int, tally: Tally) -> list[Output]:
        """Everything to tell of a profile after a batch; nothing when the change is not visible."""
        outputs = []
        for session in slot.outputs.sessions.values():
            tally[metrics.SESSIONS, (session.workspace, session.status)] += 1
            outputs.append(Output(SESSIONS, slot.key, self._session(session)))
        for change in slot.outputs.segment_changes:
            outputs += self._change_outputs(slot, change, tally)
        if slot.visible:
            outputs.append(Output(PROFILES, slot.key, self._profile(_record(slot, now))))
        if slot.vanished:
            outputs.append(Output(PROFILES, slot.key, None))
        return outputs

    def command(self, workspace: str, profile_id: str, command: Command) -> Output:
        """A command to another profile."""
        record = ProfileCommand.of(workspace, profile_id, command)
        return Output(PROFILE_COMMANDS, profile_key(workspace, profile_id), self._command(record))

    def routes(self, context: FoldContext, absorbed: Absorb) -> Iterable[Output]:
        """Where the identifiers of an absorbed profile lead from now on."""
        workspace = context.workspace
        for identifier in absorbed.identifiers:
            route = Route(workspace, identifier.namespace, identifier.value, context.profile_id, absorbed.decision)
            yield Output(IDENTITY_ROUTES, identifier_key(workspace, identifier), self._route(route))

    def reattribute(self, workspace: str, concerned: tuple[Identifier, ...], now: int) -> Output:
        """A request to GRAPH: persons, after the device, have events of it that are not theirs, or lack some."""
        request = IdentityRequest(workspace, "", "", now, concerned, "reattribute")
        return Output(IDENTITY_REQUESTS, workspace.encode(), self._request(request))

    def _change_outputs(self, slot: Slot, change: SegmentChange, tally: Tally) -> list[Output]:
        tally[metrics.CHANGES, (change.workspace, change.segment, change.change)] += 1
        encoded = self._change(change)
        destinations = self._destinations.get((change.workspace, change.segment), ())
        topics = (SEGMENTS, *(activation(destination) for destination in destinations))
        return [Output(topic, slot.key, encoded) for topic in topics]


def _record(slot: Slot, now: int) -> Profile:
    workspace, profile_id = slot.context.workspace, slot.context.profile_id
    if isinstance(slot.entry, Forward):
        forward = slot.entry
        return merged_record(workspace, profile_id, forward.target, forward.version, forward.decision, now)
    state = slot.state()
    if slot.vanished or is_empty(state):
        return deleted_record(state, slot.context, now)
    return profile_record(state, slot.context, now)
