"""Records that decode, but that no stage of ours has written, are refused with a reason."""

import pytest

from schemas.codec import Codec, DecodeError
from schemas.identity import default_profile_id, profile_key
from schemas.records import Absorb, Advance, Command, Event, Fold, Identifier, ProfileCommand, Reason, Replay, Transfer
from schemas.topics import EVENTS_RESOLVED, PROFILE_COMMANDS
from streams.adoption import unchanging
from streams.agents.profile.decoding import AbsorbedState, Addressed, ProfileDecoder, ReplayChunk, RoutedEvent
from streams.fold.entry import BufferedRecord, Forward, encode_entry
from streams.fold.lineage import Lineage
from streams.fold.state import ProfileState
from streams.phases import Record
from tests.schemas.fixed import FixedSchemas
from tests.streams.agents.profile.partition import ANN, ANNS, KEY, NAMESPACE
from tests.streams.fold.definitions import PROGRAM
from tests.streams.fold.given import START, event

CODEC = Codec(FixedSchemas())
SHOP = Identifier("email", "shop@example.org")
EVENT = CODEC.encoder(Event)(event(START))
ADOPT = unchanging(PROGRAM, ["main"])


def _decoded(command: Command | None, workspace: str = "main", profile_id: str = ANNS) -> Addressed:
    record = ProfileCommand(workspace, profile_id)
    if command is not None:
        record = ProfileCommand.of(workspace, profile_id, command)
    value = CODEC.encoder(ProfileCommand)(record)
    return ProfileDecoder(CODEC, {"main"}, ADOPT).decode(Record(PROFILE_COMMANDS, 0, 0, None, value))


def _absorb(state: bytes | None) -> Absorb:
    return Absorb(1, origin="", identifiers=(SHOP,), state=state)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (None, "unprocessable"),
        (_absorb(b"p-nonsense"), "invalid"),
        (_absorb(b"p"), "invalid"),
        (_absorb(b"z" + bytes(20)), "invalid"),
        (_absorb(encode_entry(Forward(ANNS, 1), 0)), "invalid"),
        (Transfer(1, target="nowhere", identifiers=(SHOP,)), "invalid"),
        (Fold(event=b""), "truncated"),
        (Replay(1, attempt="a", chunk=0, events=(EVENT, b"")), "truncated"),
    ],
)
def test_a_command_that_nobody_can_obey_is_refused(command: Command | None, reason: Reason) -> None:
    with pytest.raises(DecodeError) as refusal:
        _decoded(command)

    assert refusal.value.reason == reason


def test_a_command_to_what_is_no_profile_or_no_workspace_is_refused() -> None:
    for workspace, profile_id, reason in (("main", "no-profile", "invalid"), ("other", ANNS, "unknown_workspace")):
        with pytest.raises(DecodeError) as refusal:
            _decoded(_absorb(None), workspace, profile_id)
        assert refusal.value.reason == reason


def test_an_event_is_refused_without_the_key_of_a_profile() -> None:
    for key in (None, b"main", b"\xff|person|" + ANNS.encode(), b"main|device|" + ANNS.encode()):
        with pytest.raises(DecodeError) as refusal:
            ProfileDecoder(CODEC, {"main"}, ADOPT).decode(Record(EVENTS_RESOLVED, 0, 0, key, EVENT))
        assert refusal.value.reason == "invalid"


def test_what_a_command_brings_is_decoded_with_it() -> None:
    absorbed, folded, replayed = (
        _decoded(command).content
        for command in (
            _absorb(encode_entry(ProfileState(lineage=Lineage(7)), 0)),
            Fold(EVENT, decision=3, owner=ANN, owner_decision=4),
            Replay(1, attempt="a", chunk=0, events=(EVENT,)),
        )
    )

    assert isinstance(absorbed, AbsorbedState)
    assert absorbed.state.lineage.version == 7
    assert folded == RoutedEvent(event(START), EVENT, 3, ANN, 4, sent_on=True)
    assert isinstance(replayed, ReplayChunk)
    assert replayed.events == (event(START),)


def test_a_clock_is_advanced_without_a_profile() -> None:
    addressed = _decoded(Advance(to=START), profile_id="")

    assert (addressed.key, addressed.content) == (b"", Advance(to=START))


def test_a_buffered_event_says_so() -> None:
    decoder = ProfileDecoder(CODEC, {"main"}, ADOPT)
    event_again = decoder.decode_waiting("main", default_profile_id(NAMESPACE, ANN), BufferedRecord(True, EVENT))

    assert event_again.key == profile_key("main", ANNS) != KEY
    assert event_again.content == RoutedEvent(event(START), EVENT, buffered=True)
