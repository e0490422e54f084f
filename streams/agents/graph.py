"""GRAPH: the only writer of who is who. Reads the requests of a workspace in order and decides each once."""

from collections.abc import Callable, Mapping

from schemas.codec import Codec, DecodeError
from schemas.identity import profile_key, usable
from schemas.records import IdentityRequest, Link, ProfileCommand
from schemas.topics import IDENTITY_LINKS, IDENTITY_REQUESTS, PROFILE_COMMANDS
from settings import Workspace
from streams import metrics
from streams.dead_letters import DeadLetters
from streams.identity.components import link_key
from streams.identity.graph import Decision, decide
from streams.metrics import Tally
from streams.phases import Folded, Output, Received, Record
from streams.state.view import StateView


class GraphStage:
    name = "graph"
    table = "graph"
    topics: tuple[str, ...] = (IDENTITY_REQUESTS,)
    sweeps = False
    deadline_of: Callable[[bytes], int | None] | None = None

    def __init__(self, workspaces: Mapping[str, Workspace], codec: Codec) -> None:
        self._workspaces = workspaces
        self._codec = codec
        self._dead = DeadLetters(codec, self.name)
        self.bury = self._dead.of
        self._encode_link = codec.encoder(Link)
        self._encode_command = codec.encoder(ProfileCommand)

    def fold(self, received: Received, view: StateView) -> Folded:
        """Decide the requests of a batch one after another; each sees what the ones before it decided."""
        outputs: list[Output] = []
        tally: Tally = Tally()
        for record in received.records:
            try:
                request, workspace = self._decode(record)
            except DecodeError as error:
                outputs.append(self._dead.of(record, error, received.now, tally))
            else:
                outputs += self._outputs(decide(request, view, workspace.namespace), tally)
        return Folded(outputs, view, tally)

    def _decode(self, record: Record) -> tuple[IdentityRequest, Workspace]:
        request = self._codec.decode(IdentityRequest, record.value)
        workspace = self._workspaces.get(request.workspace)
        if workspace is None:
            raise DecodeError("unknown_workspace", "the request names a workspace that is not configured")
        if not request.identifiers or usable(request.identifiers[:1]) != request.identifiers[:1]:
            raise DecodeError("no_identifier", "the request names nobody")
        if set(usable(request.identifiers)) != set(request.identifiers):
            raise DecodeError("invalid", "the request holds an identifier that cannot name anybody")
        return request, workspace

    def _outputs(self, decision: Decision, tally: Tally) -> list[Output]:
        tally[metrics.MERGES, ()] += decision.merged
        tally[metrics.DECISIONS, ("refused",)] += decision.refused
        tally[metrics.DECISIONS, ("linked",)] += len(decision.links) - decision.refused
        links = [
            Output(IDENTITY_LINKS, link_key(link.workspace, link.left, link.right), self._encode_link(link))
            for link in decision.links
        ]
        commands = [
            Output(PROFILE_COMMANDS, profile_key(command.workspace, command.profile_id), self._encode_command(command))
            for command in decision.commands
        ]
        return links + commands
