"""What a destination is told once more of a membership, as the identifiers that it was told it under have moved."""

from definitions import Definitions, Segment, compile_program
from definitions.destinations import Destination
from definitions.mapping import Fields, Selected
from definitions.model import Call, EventCount, EventMatcher, Window
from definitions.receivers.sql import Sql
from definitions.receivers.webhook import Webhook
from schemas.identity import default_profile_id
from schemas.records import Absorb, Identifier, ProfileCommand, Reaffirm, Rebuild, SegmentChange, Transfer
from schemas.topics import PROFILE_COMMANDS, SEGMENTS, activation
from streams.adoption import unchanging
from tests.streams.agents.profile.partition import (
    ANN,
    ANNS,
    NAMESPACE,
    OTHER,
    OTHER_ID,
    PROFILE_ID,
    VISIT,
    ProfilePartition,
    chunk,
)
from tests.streams.fold.given import HOUR, START, event

MAIL = Identifier("email", "ann@shop.example")
MAILS = default_profile_id(NAMESPACE, MAIL)
VISITS = Selected(("identifiers", "session_id"))
TABLE = Sql(url="sqlite:////people.db", table="people", mode="mirror")
PROGRAM = compile_program(
    Definitions(
        segments=(
            Segment(
                "viewing",
                EventCount(EventMatcher((Call("track", "View"),)), Window(HOUR)),
                destinations=("visits", "people", "hook"),
            ),
        ),
        destinations=(
            Destination("visits", receiver=TABLE, mapping=Fields((("visit", VISITS),)), renamed_from=("sessions",)),
            Destination("people", receiver=TABLE, mapping=Fields((("id", Selected(("profile", "id"))),))),
            Destination("hook", receiver=Webhook("https://shop.example"), mapping=Fields((("visit", VISITS),))),
        ),
    )
)


class Destinations(ProfilePartition):
    """A partition whose changes go to a table by visits, one by profiles, and a webhook."""

    def __init__(self) -> None:
        super().__init__("event", unchanging(PROGRAM, ["main"]))

    def said(self, destination: str) -> list[tuple[str, str, tuple[Identifier, ...]]]:
        """What the last call left for a destination."""
        changes = self.read(activation(destination), SegmentChange)
        assert [each.version for each in changes] == sorted(each.version for each in changes)
        return [(each.change, each.cause, each.identifiers) for each in changes]

    def commands(self) -> list[ProfileCommand]:
        return self.read(PROFILE_COMMANDS, ProfileCommand)

    def merge(self, origin: Identifier, into: str, decision: int = 6, *following: ProfileCommand) -> None:
        """Have a profile absorb another one, and execute what follows in the same batch."""
        transfer = Transfer(decision, target=into, identifiers=(origin,))
        self.command(ProfileCommand.of("main", default_profile_id(NAMESPACE, origin), transfer))
        (absorb,) = (each for each in self.commands() if isinstance(each.command, Absorb))
        self.commands_at_once(absorb, *following)


def seen(*identifiers: Identifier) -> Destinations:
    """A partition in which each of these has a view."""
    profiles = Destinations()
    for number, identifier in enumerate(identifiers):
        profiles.event(event(START + number, message_id=f"m{number}", identifiers=(identifier,)), identifier)
    return profiles


def exited(origin: str, *identifiers: Identifier, destination: str = "sessions") -> Reaffirm:
    return Reaffirm(destination, "viewing", origin, identifiers)


def test_who_a_profile_was_merged_into_says_once_more_what_it_is_in() -> None:
    profiles = seen(VISIT, ANN)
    profiles.merge(VISIT, ANNS)
    profiles.command(ProfileCommand.of("main", PROFILE_ID, exited(PROFILE_ID, VISIT)))
    (sent_on,) = profiles.commands()
    assert (sent_on.profile_id, sent_on.command) == (ANNS, exited(PROFILE_ID, VISIT))
    profiles.command(sent_on)
    assert profiles.said("visits") == [("entered", "reinstate", (ANN, VISIT))]
    assert [profiles.said(each) for each in ("people", "hook")] == [[], []]
    assert profiles.read(SEGMENTS, SegmentChange) == []
    assert profiles.commands() == []


def test_that_a_receiver_had_somebody_is_said_also_where_a_merge_has_just_said_that_they_are_in() -> None:
    profiles = seen(VISIT, ANN)
    profiles.merge(VISIT, ANNS, 6, ProfileCommand.of("main", ANNS, exited(PROFILE_ID, VISIT)))
    assert profiles.said("visits") == [
        ("entered", "reaffirm", (ANN, VISIT)),
        ("entered", "reinstate", (ANN, VISIT)),
    ]


def test_a_profile_that_has_left_by_itself_says_nothing_and_has_those_say_it_that_have_its_identifiers_now() -> None:
    profiles = seen(ANN)
    profiles.command(ProfileCommand.of("main", ANNS, exited(ANNS, ANN, VISIT)))
    assert profiles.said("visits") == []
    (sent_on,) = profiles.commands()
    assert (sent_on.profile_id, sent_on.command) == (PROFILE_ID, exited(ANNS))


def test_a_profile_that_has_left_by_itself_and_has_its_identifiers_yet_says_nothing_and_is_left_as_it_was() -> None:
    profiles = seen(ANN)
    before = dict(profiles.table)
    profiles.command(ProfileCommand.of("main", ANNS, exited(ANNS, ANN)))
    assert (profiles.published, profiles.table) == ([], before)
    profiles.command(ProfileCommand.of("main", ANNS, exited(OTHER_ID, ANN)))
    assert profiles.said("visits") == [("entered", "reinstate", (ANN,))]


def test_nothing_is_said_of_a_segment_that_a_profile_is_not_in_nor_of_another_destination() -> None:
    profiles = seen(ANN)
    for command in (exited(OTHER_ID, destination="gone"), Reaffirm("sessions", "gone", OTHER_ID)):
        profiles.command(ProfileCommand.of("main", ANNS, command))
        assert profiles.said("visits") == []
    profiles.command(ProfileCommand.of("main", MAILS, exited(OTHER_ID)))
    assert profiles.said("visits") == []


def test_a_member_that_gets_identifiers_says_so_where_they_are_read() -> None:
    profiles = seen(ANN)
    profiles.merge(VISIT, ANNS)
    assert profiles.said("visits") == [("entered", "reaffirm", (ANN, VISIT))]
    assert [profiles.said(each) for each in ("people", "hook")] == [[], []]
    profiles.merge(MAIL, ANNS, decision=7)
    assert profiles.said("visits") == [], "no address has come"


def test_what_was_named_first_and_is_not_any_more_is_taken_out() -> None:
    profiles = seen(ANN)
    profiles.merge(OTHER, ANNS)
    profiles.merge(VISIT, ANNS, decision=7)
    assert profiles.said("visits") == [
        ("exited", "reaffirm", (ANN, OTHER)),
        ("entered", "reaffirm", (ANN, VISIT, OTHER)),
    ]


def test_who_loses_identifiers_is_taken_out_under_them_and_said_to_be_in_once_the_rest_is_known() -> None:
    profiles = seen(ANN)
    profiles.merge(VISIT, ANNS)
    profiles.command(ProfileCommand.of("main", ANNS, Rebuild(9, identifiers=(ANN,))))
    assert profiles.said("visits") == [("exited", "reaffirm", (ANN, VISIT))]
    assert profiles.said("hook") == []
    profiles.command(chunk(0, event(START, message_id="m0", identifiers=(ANN,)), decision=9))
    assert profiles.said("visits") == [("entered", "reaffirm", (ANN,))]
    assert [profiles.said(each) for each in ("people", "hook")] == [[], []]
