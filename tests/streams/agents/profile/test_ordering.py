"""A batch is handled profile by profile, and nobody can tell."""

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from schemas.identity import default_profile_id
from schemas.records import Advance, Event, Fold, Identifier, Profile, ProfileCommand, SegmentChange, Transfer
from schemas.topics import PROFILE_COMMANDS, PROFILES, SEGMENTS
from streams.agents.profile.decoding import Addressed, RoutedEvent
from streams.agents.profile.ordering import by_profile
from tests.streams.agents.profile.partition import ANNS, NAMESPACE, ProfilePartition
from tests.streams.fold.given import START, event

PEOPLE = tuple(Identifier("user_id", name) for name in ("ann", "bob", "eve"))
DEVICES = tuple(Identifier("anonymous_id", name) for name in ("d1", "d2"))


@given(st.lists(st.none() | st.sampled_from(["a", "b", "c"])))
def test_events_between_two_commands_come_profile_by_profile_and_each_in_its_order(keys: list[str | None]) -> None:
    """None stands for a command."""
    items = [_addressed(key) for key in keys]
    numbered = list(by_profile(items))
    assert [items[number] for number, _ in numbered] == [addressed for _, addressed in numbered]
    order = [number for number, _ in numbered]
    commands = [number for number, key in enumerate(keys) if key is None]
    assert [order[number] for number in commands] == commands
    for begin, end in zip([-1, *commands], [*commands, len(keys)], strict=True):
        run = order[begin + 1 : end]
        assert sorted(run) == list(range(begin + 1, end))
        assert [list(group) for _, group in groupby(run, key=keys.__getitem__)] == [
            [number for number in range(begin + 1, end) if keys[number] == key]
            for key in dict.fromkeys(keys[begin + 1 : end])
        ]


@given(st.lists(st.sampled_from(PEOPLE + DEVICES), max_size=12))
def test_what_a_batch_makes_of_events_is_what_single_events_make_of_it(whose: list[Identifier]) -> None:
    """The devices belong to Ann: what they send on comes in the order of the batch."""
    sent = [event(START + 1 + at, identifiers=(who,), message_id=f"m{at}") for at, who in enumerate(whose)]
    together, one_by_one = _merged(), _merged()
    together.events_of([(each, each.identifiers[0]) for each in sent], START + 100)
    commands, changes = list[ProfileCommand](), list[SegmentChange]()
    records: dict[str, Profile] = {}
    for each in sent:
        one_by_one.event(each, each.identifiers[0], START + 100)
        commands += one_by_one.read(PROFILE_COMMANDS, ProfileCommand)
        changes += one_by_one.read(SEGMENTS, SegmentChange)
        records |= {each.profile_id: each for each in one_by_one.read(PROFILES, Profile)}
    assert together.read(PROFILE_COMMANDS, ProfileCommand) == commands
    assert [_sent_on(each) for each in commands] == [f"m{at}" for at, who in enumerate(whose) if who in DEVICES]
    ids = {each.change_id for each in changes}
    assert {each.change_id for each in together.read(SEGMENTS, SegmentChange)} == ids
    shown = {each.profile_id: (each.events, each.segments, each.session) for each in records.values()}
    assert {
        each.profile_id: (each.events, each.segments, each.session) for each in together.read(PROFILES, Profile)
    } == shown


def _addressed(key: str | None) -> Addressed:
    if key is None:
        return Addressed("main", "", b"", Advance(to=START), b"")
    return Addressed("main", key, key.encode(), RoutedEvent(event(START), b""), b"")


def _merged() -> ProfilePartition:
    """Return a partition where both devices were merged into Ann's profile."""
    profiles = ProfilePartition()
    for decision, device in enumerate(DEVICES, start=1):
        source = default_profile_id(NAMESPACE, device)
        profiles.command(ProfileCommand.of("main", source, Transfer(decision, target=ANNS, identifiers=(device,))))
    return profiles


def _sent_on(command: ProfileCommand) -> str:
    assert isinstance(command.command, Fold)
    decoded: Event = ProfilePartition().codec.decode(Event, command.command.event)
    return decoded.message_id
