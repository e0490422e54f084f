"""The way of a batch through PROFILE: decode, read all profiles, handle each record, sweep, publish, store."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from operator import itemgetter

from definitions import NEVER
from identity.rules import IdentityRules
from schemas.codec import Codec
from schemas.identity import kind_of
from schemas.topics import EVENTS_RESOLVED, PROFILE_COMMANDS
from settings import SETTLING_MS, Workspace
from state.view import StateView
from streams import metrics
from streams.adoption import Adopt
from streams.agents.profile.batch import Batch, Message
from streams.agents.profile.clocks import Clocks
from streams.agents.profile.decoding import Addressed, ProfileDecoder, newest_receipt
from streams.agents.profile.events import evaluate_corrected
from streams.agents.profile.expiry import read_due, sweep
from streams.agents.profile.handlers import handle
from streams.agents.profile.ordering import by_profile
from streams.agents.profile.outputs import ProfileOutputs
from streams.agents.profile.settling import release_due
from streams.agents.profile.walking import begin, newly_walked, walk
from streams.dead_letters import DeadLetters
from streams.fold.entry import deadline_of
from streams.fold.moment import FoldContext
from streams.phases import Decoded, Effects, Record


def stored_deadline(value: bytes) -> int | None:
    """Return the next deadline of a stored entry, for the store's index; None when time alone never changes it."""
    deadline = deadline_of(value)
    return None if deadline >= NEVER else deadline


class ProfileStage:
    """The third stage: remembers of each profile what its events say, and reacts to it."""

    name = "profile"
    table = "profiles"
    topics: tuple[str, ...] = (EVENTS_RESOLVED, PROFILE_COMMANDS)
    sweeps = True
    holds_back = True
    deadline_of: Callable[[bytes], int | None] | None = staticmethod(stored_deadline)

    def __init__(  # noqa: PLR0913, PLR0917 - wired once, by the app
        self,
        workspaces: Mapping[str, Workspace],
        adopt: Adopt,
        rules: IdentityRules,
        codec: Codec,
        settling_ms: int = SETTLING_MS,
        read_to: Callable[[int], int | None] = lambda _: None,
    ) -> None:
        """`adopt` says, once for each batch, by which definitions it is folded; `read_to`: see `Clocks`."""
        self._workspaces = workspaces
        self._settling_ms = settling_ms
        self._read_to = read_to
        self._rules = rules
        self._adopt = adopt
        self._adopted = adopt()
        self._decoder = ProfileDecoder(codec, workspaces, adopt)
        self._outputs = ProfileOutputs(codec)
        self.dead_letter = DeadLetters(codec, self.name).of

    def decode(self, record: Record, now: int) -> Addressed:  # noqa: ARG002 - a stage's signature
        """Decode an event or a command. Raises DecodeError."""
        return self._decoder.decode(record)

    def fold(self, decoded: Decoded[Addressed], view: StateView) -> Effects:
        """Fold what was decoded; with nothing it is a sweep."""
        received = decoded.received
        self._adopted = adopted = self._adopt()
        read_to = self._read_to(received.partition)
        clocks = Clocks(self._workspaces, view, received.now, received.opened_at, read_to)
        batch = Batch(self._workspaces, partial(self._context, received.now), view, clocks, self._settling_ms, adopted)
        if not clocks.has_caught_up:
            clocks.catch_up(newest_receipt(decoded.items, clocks.is_wall))
        view.prefetch(addressed.key for addressed in decoded.items if addressed.key)
        begin(batch, adopted)
        self._handle(batch, decoded.items)
        is_walking = walk(batch, adopted, len(decoded.items))
        more = read_due(batch)
        more = release_due(batch) or more
        self._handle_resumed(batch)
        sweep(batch)
        outputs = [*self._outputs.of(batch), *newly_walked(view, adopted, received.partition)]
        batch.store()
        for workspace, events in Counter(map(itemgetter(0), batch.receipts)).items():
            batch.tally[metrics.EVENTS, (workspace, "folded")] += events
        return Effects(outputs, view, batch.tally, more, is_walking, batch.receipts)

    def _handle(self, batch: Batch, items: Iterable[Addressed]) -> None:
        """Handle records profile by profile; what they send stays in the order in which they came."""
        sent: list[tuple[int, list[Message]]] = []
        for number, addressed in by_profile(items):
            handle(batch, addressed)
            self._handle_resumed(batch)
            if batch.messages:
                sent.append((number, batch.messages))
                batch.messages = []
        batch.messages = [message for _, messages in sorted(sent, key=itemgetter(0)) for message in messages]

    def _handle_resumed(self, batch: Batch) -> None:
        """Handle what has waited at profiles until now."""
        while batch.resumed:
            profile, waiting = batch.resumed.popleft()
            handle(batch, self._decoder.decode_waiting(profile.context.workspace, profile.context.profile_id, waiting))
        evaluate_corrected(batch)

    def _context(self, now: int, workspace: str, profile_id: str) -> FoldContext:
        kind = kind_of(profile_id)
        return FoldContext(
            workspace,
            profile_id,
            self._adopted.programs[workspace, kind],
            self._workspaces[workspace].source_priority,
            self._rules,
            kind,
            decided_at=now,
            definition=self._adopted.evaluated.get(workspace, 0),
        )
