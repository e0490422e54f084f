"""GRAPH: the only writer of who is who. Reads the requests of a workspace in order and decides each once."""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from identity.decide import decide, refuse
from identity.decision import Decision
from identity.ledger import keys_of, link_key
from identity.rules import IdentityRules, is_well_formed
from schemas.codec import Codec, DecodeError
from schemas.identity import identifier_key, profile_key
from schemas.records import Identifier, IdentityChange, IdentityRequest, Link, ProfileCommand, Route
from schemas.topics import IDENTITY_CHANGES, IDENTITY_LINKS, IDENTITY_REQUESTS, IDENTITY_ROUTES, PROFILE_COMMANDS
from settings import Workspace
from state.outputs import Output
from state.view import StateView
from streams import metrics
from streams.dead_letters import DeadLetters
from streams.metrics import Tally
from streams.phases import Decoded, Effects, Record

MAX_PAIRS = 10_000  # of one request; whoever has more sends several

_Checked = tuple[IdentityRequest, str]


class GraphStage:
    """Decides who is who: applies requests to the ledger, one after the other, and publishes what follows."""

    name = "graph"
    table = "graph"
    topics: tuple[str, ...] = (IDENTITY_REQUESTS,)
    sweeps = False
    holds_back = False
    deadline_of: Callable[[bytes], int | None] | None = None

    def __init__(self, workspaces: Mapping[str, Workspace], rules: IdentityRules, codec: Codec) -> None:
        self._workspaces = workspaces
        self._rules = rules
        self._codec = codec
        self.dead_letter = DeadLetters(codec, self.name).of
        self._encode_link = codec.encoder(Link)
        self._encode_command = codec.encoder(ProfileCommand)
        self._encode_route = codec.encoder(Route)
        self._encode_change = codec.encoder(IdentityChange)

    def fold(self, decoded: Decoded[_Checked], view: StateView) -> Effects:
        """Decide the requests of a batch one after another; each sees what the ones before it decided."""
        outputs: list[Output] = []
        tally: Tally = Tally()
        view.prefetch(
            key
            for request, refusal in decoded.items
            if request.identifiers and not refusal
            for key in keys_of(request.workspace, request.identifiers)
        )
        for request, refusal in decoded.items:
            if refusal:
                decision = refuse(request, view, self._rules, refusal)
            else:
                decision = decide(request, view, self._workspaces[request.workspace].namespace, self._rules)
            self._count(decision, tally)
            outputs += self._outputs(decision)
        return Effects(outputs, view, tally)

    def decode(self, record: Record, now: int) -> _Checked:  # noqa: ARG002 - a stage's signature
        """Read a request, and why it cannot be decided if its sender waits for an answer. Raises DecodeError else."""
        request = self._codec.decode(IdentityRequest, record.value)
        refusal = self._refusal(request)
        if refusal is not None and not request.request_id:
            raise refusal
        if request.kind == "link":
            request = msgspec.structs.replace(request, identifiers=self._rules.usable(request.identifiers))
        return request, refusal.detail if refusal is not None else ""

    def _refusal(self, request: IdentityRequest) -> DecodeError | None:
        if request.workspace not in self._workspaces:
            return DecodeError("unknown_workspace", "the request names a workspace that is not configured")
        if request.kind == "link" and not self._rules.usable(request.identifiers):
            return DecodeError("no_identifier", "the request has no usable identifier")
        for identifier in (*request.identifiers, *(end for pair in request.pairs for end in (pair.left, pair.right))):
            # What is not usable any more can still be unmerged from others, and is left out of links requested before.
            if request.kind not in _LENIENT:
                reason = self._rules.why_unusable(identifier)
            else:
                reason = "" if is_well_formed(identifier.value) else _MALFORMED
            if reason:
                return DecodeError("invalid", reason)
        if len(request.pairs) > MAX_PAIRS:
            return DecodeError("invalid", f"the request holds more than {MAX_PAIRS} pairs")
        return None

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


_MALFORMED = "the request holds a value that cannot name anybody"
_LENIENT = frozenset({"link", "unmerge", "retract", "refuse", "reattribute", "allow", "unshare", "recount"})
_OUTCOMES = {"active": "linked", "refused": "refused", "retracted": "retracted", "waiting": "waiting"}
