"""GRAPH: the only writer of who is who. Reads the requests of a workspace in order and decides each once."""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from definitions.identity.rules import MAX_VALUE_LENGTH, IdentityRules
from schemas.codec import Codec, DecodeError
from schemas.identity import identifier_key, profile_key
from schemas.records import Identifier, IdentityChange, IdentityRequest, Link, ProfileCommand, Route
from schemas.topics import IDENTITY_CHANGES, IDENTITY_LINKS, IDENTITY_REQUESTS, IDENTITY_ROUTES, PROFILE_COMMANDS
from settings import Workspace
from streams import metrics
from streams.dead_letters import DeadLetters
from streams.identity.components import keys_of, link_key
from streams.identity.graph import Decision, decide
from streams.metrics import Tally
from streams.phases import Folded, Output, Received, Record
from streams.state.view import StateView

MAX_PAIRS = 10_000  # of one order; whoever has more sends several


class GraphStage:
    name = "graph"
    table = "graph"
    topics: tuple[str, ...] = (IDENTITY_REQUESTS,)
    sweeps = False
    deadline_of: Callable[[bytes], int | None] | None = None

    def __init__(self, workspaces: Mapping[str, Workspace], rules: IdentityRules, codec: Codec) -> None:
        self._workspaces = workspaces
        self._rules = rules
        self._codec = codec
        self._dead = DeadLetters(codec, self.name)
        self.bury = self._dead.of
        self._encode_link = codec.encoder(Link)
        self._encode_command = codec.encoder(ProfileCommand)
        self._encode_route = codec.encoder(Route)
        self._encode_change = codec.encoder(IdentityChange)

    def fold(self, received: Received, view: StateView) -> Folded:
        """Decide the requests of a batch one after another; each sees what the ones before it decided."""
        outputs: list[Output] = []
        tally: Tally = Tally()
        decoded: list[tuple[IdentityRequest, Workspace]] = []
        for record in received.records:
            try:
                decoded.append(self._decode(record))
            except DecodeError as error:
                outputs.append(self._dead.of(record, error, received.now, tally))
        view.prefetch(
            key
            for request, _ in decoded
            if request.identifiers
            for key in keys_of(request.workspace, request.identifiers)
        )
        for request, workspace in decoded:
            decision = decide(request, view, workspace.namespace, self._rules)
            self._count(decision, tally)
            outputs += self._outputs(decision)
        return Folded(outputs, view, tally)

    def _decode(self, record: Record) -> tuple[IdentityRequest, Workspace]:
        request = self._codec.decode(IdentityRequest, record.value)
        workspace = self._workspaces.get(request.workspace)
        if workspace is None:
            raise DecodeError("unknown_workspace", "the request names a workspace that is not configured")
        if request.kind == "link" and not request.identifiers:
            raise DecodeError("no_identifier", "the request names nobody")
        named = (*request.identifiers, *(end for pair in request.pairs for end in (pair.left, pair.right)))
        # What the rules do not let name anybody any more can still be parted from others.
        allowed = _is_text if request.kind == "retract" else self._names_somebody
        if not all(map(allowed, named)):
            raise DecodeError("invalid", "the request holds an identifier that cannot name anybody")
        if len(request.pairs) > MAX_PAIRS:
            raise DecodeError("invalid", f"the request holds more than {MAX_PAIRS} pairs")
        if request.kind == "link":
            request = msgspec.structs.replace(request, identifiers=self._rules.usable(request.identifiers))
        return request, workspace

    def _names_somebody(self, identifier: Identifier) -> bool:
        return self._rules.usable((identifier,)) != ()

    def _count(self, decision: Decision, tally: Tally) -> None:
        tally[metrics.MERGES, ()] += decision.merged
        for link in decision.links:
            tally[metrics.DECISIONS, (_OUTCOMES[link.status],)] += 1
        for change in decision.changes:
            tally[metrics.IDENTITY_CHANGES, (change.workspace, change.kind)] += 1

    def _outputs(self, decision: Decision) -> Iterator[Output]:
        for link in decision.links:
            key = link_key(link.workspace, link.left, link.right, link.source)
            yield Output(IDENTITY_LINKS, key, self._encode_link(link))
        for command in decision.commands:
            key = profile_key(command.workspace, command.profile_id)
            yield Output(PROFILE_COMMANDS, key, self._encode_command(command))
        for route in decision.routes:
            key = identifier_key(route.workspace, Identifier(route.namespace, route.value))
            yield Output(IDENTITY_ROUTES, key, self._encode_route(route))
        for change in decision.changes:
            yield Output(IDENTITY_CHANGES, change.workspace.encode(), self._encode_change(change))


def _is_text(identifier: Identifier) -> bool:
    return 0 < len(identifier.value) <= MAX_VALUE_LENGTH and identifier.value.isprintable()


_OUTCOMES = {"active": "linked", "refused": "refused", "retracted": "retracted", "waiting": "waiting"}
