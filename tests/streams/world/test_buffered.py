"""An event that a profile buffers while its identifier is unmerged from it: in every order, it counts once."""

from collections import Counter
from collections.abc import Sequence

import pytest

from identity.rules import DEFAULT_RULES
from schemas.records import Event, Identifier, IdentityRequest, Pair, RequestKind
from streams import metrics
from streams.agents.profile import merging
from streams.fold import recent_ids
from streams.metrics import Tally
from tests.oracle.reference import recompute
from tests.streams.world.exploring import Explorer, First
from tests.streams.world.playing import MINUTE, PROGRAM, REFERENCE, START, check
from tests.streams.world.world import WORKSPACE, World

ANN = Identifier("user_id", "ann")
TABLET = Identifier("anonymous_id", "t4")  # whose profile is in another partition than hers


def _event(number: int, *identifiers: Identifier) -> Event:
    at = START + number * MINUTE
    return Event(WORKSPACE, "web", f"m{number}", "track", "View", at, None, at, identifiers, ordinal=1)


def _request(kind: RequestKind) -> IdentityRequest:
    pairs = (Pair(ANN, TABLET),) if kind == "merge" else ()
    identifiers = () if kind == "merge" else (ANN, TABLET)
    return IdentityRequest(WORKSPACE, "", "operator", START, identifiers, kind, kind, "test", pairs=pairs)


def _outcome(tally: Tally) -> str | None:
    """Name a step that is what this is about: a rebuilt profile sends a buffered event on; another has it already."""
    rebuilt, sent_on = tally[metrics.REBUILT, (WORKSPACE,)], tally[metrics.EVENTS, (WORKSPACE, "forwarded")]
    if rebuilt and sent_on:
        return "sent on"
    return "repetition" if tally[metrics.EVENTS, (WORKSPACE, "duplicate")] else None


def _begun(kinds: Sequence[RequestKind], copies: int) -> tuple[World, list[Event]]:
    """Return one person with a tablet; an event of the tablet and the requests are not read yet."""
    world = World(2, First(), DEFAULT_RULES, PROGRAM)
    sent = [_event(1, ANN), _event(2, ANN, TABLET), _event(3, TABLET)]
    for event in sent:
        world.send(event)
        world.run()
    late = _event(4, TABLET)
    for _ in range(1 + copies):
        world.send(late)
    for kind in kinds:
        world.request(_request(kind))
    return world, [*sent, late]


def _explore(kinds: Sequence[RequestKind], copies: int = 0) -> None:
    world, sent = _begun(kinds, copies)

    def check_at_rest(world: World) -> None:
        at = sent[-1].occurred_at + MINUTE
        expected = recompute(sent, {world.component(end).identifiers for end in (ANN, TABLET)}, REFERENCE, at)
        world.advance(at)
        world.run()
        check(world, expected)
        world.send(sent[-1])
        world.run()
        check(world, expected)
        assert world.counted() == Counter(event.message_id for event in sent)

    explorer = Explorer(world, _outcome, check_at_rest)
    explorer.explore()

    assert explorer.rests
    assert explorer.counted["sent on"], explorer.counted
    assert explorer.counted["repetition"], explorer.counted


@pytest.fixture(params=[recent_ids.MAX_IDS, 1], ids=["recent", "stored"])
def _ids(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ids of a profile's events are in its state, or have left it."""
    monkeypatch.setattr(recent_ids, "MAX_IDS", request.param)


@pytest.mark.usefixtures("_ids")
def test_in_every_order_an_event_counts_once_though_its_identifier_is_unmerged_while_it_is_buffered() -> None:
    _explore(["unmerge"])


@pytest.mark.soak
@pytest.mark.timeout(7_200)
@pytest.mark.usefixtures("_ids")
@pytest.mark.parametrize(
    ("kinds", "copies"),
    [(["unmerge"], 1), (["unmerge", "merge"], 0), (["recount", "unmerge"], 0)],
    ids=["repeated", "merged back", "rebuilt before"],
)
def test_so_it_does_when_it_is_repeated_merged_back_or_rebuilt_before(kinds: list[RequestKind], copies: int) -> None:
    _explore(kinds, copies)


@pytest.mark.soak
@pytest.mark.timeout(7_200)
def test_so_it_does_when_it_is_merged_back_with_too_many_ids_to_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_ids, "MAX_IDS", 1)
    monkeypatch.setattr(merging, "MAX_SENT_IDS", 0)
    _explore(["unmerge", "merge"])
