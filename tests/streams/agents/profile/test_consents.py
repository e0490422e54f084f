"""What PROFILE publishes of consent: on `consents`, and with what it sends to destinations."""

from definitions import Definitions, Segment, compile_program
from definitions.destinations import Destination
from definitions.model import Call, EventCount, EventMatcher, Trigger, Window
from schemas.consent import decode_consent
from schemas.identity import default_profile_id, profile_key
from schemas.known_consent import later
from schemas.records import (
    ConsentChange,
    Event,
    FiredTrigger,
    Identifier,
    Profile,
    ProfileCommand,
    Rebuild,
    Replay,
    SegmentChange,
    Transfer,
)
from schemas.topics import CONSENTS, PROFILE_COMMANDS, PROFILES, SEGMENTS, TRIGGERS, activation
from streams.adoption import unchanging
from tests.streams.agents.profile.partition import ANN, ANNS, NAMESPACE, ProfilePartition
from tests.streams.fold.definitions import CONSENT
from tests.streams.fold.given import HOUR, START, event

PHONE = Identifier("anonymous_id", "phone")
PHONES = default_profile_id(NAMESPACE, PHONE)
_VIEW = EventMatcher((Call("track", "View"),))
GRANTED = {"consent": {"purposes": {"marketing": True}}, "timezone": "Asia/Shanghai"}
DENIED = {"consent": {"purposes": {"marketing": False}}}


def partition(traits: tuple[str, ...] = ()) -> ProfilePartition:
    program = compile_program(
        Definitions(
            (Segment("viewing", EventCount(_VIEW, Window(HOUR)), destinations=("mail",)),),
            (Destination("mail", traits=traits),),
            triggers=(Trigger("bought", EventMatcher((Call("track", "Buy"),)), destinations=("mail",)),),
            consent=CONSENT,
        )
    )
    return ProfilePartition("event", unchanging(program, ["main"]))


def status(text: str) -> str:
    return decode_consent(text).statements["marketing"]["all"].status


def test_an_activation_says_what_the_person_has_said_and_where_they_are_and_its_topic_of_changes_does_not() -> None:
    profiles = partition()
    profiles.event(event(START, context=GRANTED), ANN)
    [sent], [change] = profiles.read(activation("mail"), SegmentChange), profiles.read(SEGMENTS, SegmentChange)
    assert (status(sent.consent), sent.timezone) == ("granted", "Asia/Shanghai")
    assert (change.consent, change.timezone) == ("", "")
    profiles.event(event(START + 1, "Buy", context=DENIED), ANN)
    [fired], [trigger] = profiles.read(activation("mail"), FiredTrigger), profiles.read(TRIGGERS, FiredTrigger)
    assert (status(fired.consent), fired.timezone) == ("denied", "Asia/Shanghai"), "as of the end of the batch"
    assert (trigger.consent, trigger.timezone) == ("", "")


def test_the_traits_that_a_destination_asks_for_travel_with_its_triggers_as_well() -> None:
    profiles = partition(("email",))
    profiles.event(event(START, type="identify", traits={"email": "ann@example.com", "plan": "pro"}), ANN)
    profiles.event(event(START + 1, "Buy"), ANN)
    [fired], [trigger] = profiles.read(activation("mail"), FiredTrigger), profiles.read(TRIGGERS, FiredTrigger)
    assert (fired.traits, trigger.traits) == ('{"email":"ann@example.com"}', "")


def test_consent_is_published_when_it_changes_and_only_then_before_the_profile() -> None:
    profiles = partition()
    profiles.event(event(START, context=GRANTED), ANN)
    [record] = profiles.read(CONSENTS, ConsentChange)
    assert (record.profile_id, record.current_id, status(record.consent)) == (ANNS, ANNS, "granted")
    assert [output.key for output in profiles.published if output.topic == CONSENTS] == [profile_key("main", ANNS)]
    profiles.event(event(START + 1, context=GRANTED), ANN)
    assert profiles.read(CONSENTS, ConsentChange) == []
    profiles.event(event(START + 2, context=DENIED), ANN)
    [denied] = profiles.read(CONSENTS, ConsentChange)
    assert (status(denied.consent), denied.version > record.version) == ("denied", True)


def test_a_merge_says_under_the_former_id_what_counts_now_and_an_unmerge_takes_it_back() -> None:
    profiles = partition()
    profiles.event(event(START, context=DENIED), ANN)
    silent = event(START, identifiers=(PHONE,), message_id="of the phone")
    profiles.event(silent, PHONE)
    profiles.command(ProfileCommand.of("main", PHONES, Transfer(6, target=ANNS, identifiers=(PHONE,))))
    [absorb] = profiles.read(PROFILE_COMMANDS, ProfileCommand)
    profiles.command(absorb)
    own, former = profiles.read(CONSENTS, ConsentChange)
    assert (own.profile_id, own.changed) == (ANNS, ())
    assert (former.profile_id, former.current_id, former.decision) == (PHONES, ANNS, 6)
    assert status(former.consent) == "denied"
    assert [output.key for output in profiles.published if output.topic == CONSENTS][1] == profile_key("main", PHONES)
    profiles.command(ProfileCommand.of("main", PHONES, Rebuild(7, identifiers=(PHONE,))))
    encoded = profiles.codec.encoder(Event)(silent)
    profiles.command(ProfileCommand.of("main", PHONES, Replay(7, "1", 0, last=True, events=(encoded,))))
    [restored] = profiles.read(CONSENTS, ConsentChange)
    assert (restored.profile_id, restored.current_id, restored.consent) == (PHONES, PHONES, "{}")
    assert later(former, restored) == restored


def came_apart(profiles: ProfilePartition, *of_phone: Event, replays: bool = True) -> None:
    """Merge the phone into Ann, and take it from her again; what they say to each other arrives."""
    profiles.command(ProfileCommand.of("main", PHONES, Transfer(6, target=ANNS, identifiers=(PHONE,))))
    deliver(profiles)
    profiles.command(ProfileCommand.of("main", PHONES, Rebuild(7, identifiers=(PHONE,), apart=(ANN,))))
    profiles.command(ProfileCommand.of("main", ANNS, Rebuild(7, identifiers=(ANN,), apart=(PHONE,))))
    deliver(profiles)
    if replays:
        encoded = tuple(map(profiles.codec.encoder(Event), of_phone))
        profiles.command(ProfileCommand.of("main", PHONES, Replay(7, "1", 0, last=True, events=encoded)))
        deliver(profiles)


def both_apart() -> ProfilePartition:
    """Ann and her phone, apart again, each with an event that says nothing of consent."""
    profiles = partition()
    silent = event(START, identifiers=(PHONE,), message_id="of the phone")
    profiles.event(silent, PHONE)
    came_apart(profiles, silent)
    ann = profiles.codec.encoder(Event)(event(START, message_id="hers", identifiers=(ANN,)))
    profiles.command(ProfileCommand.of("main", ANNS, Replay(7, "1", 0, last=True, events=(ann,))))
    return profiles


def deliver(profiles: ProfilePartition) -> None:
    while commands := profiles.read(PROFILE_COMMANDS, ProfileCommand):
        for command in commands:
            profiles.command(command)


def test_an_unmerged_identifier_keeps_what_a_call_with_both_has_denied_until_it_says_otherwise() -> None:
    profiles = partition()
    silent = event(START, identifiers=(PHONE,), message_id="of the phone")
    profiles.event(silent, PHONE)
    profiles.event(event(START + 1, context=DENIED, identifiers=(ANN, PHONE)), ANN)
    came_apart(profiles, silent)
    last = profiles.read(CONSENTS, ConsentChange)[-1]
    assert (last.profile_id, last.current_id, status(last.consent)) == (PHONES, PHONES, "denied")
    profiles.event(event(START + 2, context=GRANTED, identifiers=(PHONE,), message_id="its own"), PHONE)
    [granted] = profiles.read(CONSENTS, ConsentChange)
    assert (granted.profile_id, status(granted.consent)) == (PHONES, "granted")


def test_what_a_call_with_both_denies_after_they_came_apart_is_told_to_the_other_one() -> None:
    profiles = both_apart()
    profiles.read(CONSENTS, ConsentChange)
    profiles.event(event(START + 1, context=GRANTED, identifiers=(ANN, PHONE)), ANN)
    assert profiles.read(PROFILE_COMMANDS, ProfileCommand) == [], "a grant is the caller's own"
    profiles.event(event(START + 2, context=DENIED, identifiers=(ANN, PHONE)), ANN)
    [hers], [deny] = profiles.read(CONSENTS, ConsentChange), profiles.read(PROFILE_COMMANDS, ProfileCommand)
    profiles.command(deny)
    [others] = profiles.read(CONSENTS, ConsentChange)
    told = {each.profile_id: status(each.consent) for each in (hers, others)}
    assert told == {ANNS: "denied", PHONES: "denied"}


def test_what_calls_with_both_deny_again_is_kept_and_published_once() -> None:
    profiles = both_apart()
    published = []

    def deny(at: int) -> None:
        profiles.event(event(at, context=DENIED, identifiers=(ANN, PHONE)), ANN)
        [command] = profiles.read(PROFILE_COMMANDS, ProfileCommand)
        profiles.command(command)
        published.append((len(profiles.read(CONSENTS, ConsentChange)), len(profiles.read(PROFILES, Profile))))

    deny(START + 1)
    deny(START + 3)
    assert published == [(1, 1), (0, 0)]
    profiles.event(event(START + 2, context=GRANTED, identifiers=(PHONE,), message_id="late"), PHONE)
    assert profiles.read(CONSENTS, ConsentChange) == [], "the last denial is later"
    profiles.event(event(START + 4, context=GRANTED, identifiers=(PHONE,), message_id="its own"), PHONE)
    deny(START + 5)
    assert published[2:] == [(1, 1)], "nobody else knows of the grant: each denial is passed on"


def test_what_was_denied_is_known_before_the_replay_is_over() -> None:
    profiles = partition()
    profiles.event(event(START, context=DENIED, identifiers=(ANN, PHONE)), ANN)
    came_apart(profiles, replays=False)
    viewed = profiles.codec.encoder(Event)(event(START, identifiers=(PHONE,), message_id="of the phone"))
    profiles.read(CONSENTS, ConsentChange)
    profiles.command(ProfileCommand.of("main", PHONES, Replay(7, "1", 0, last=True, events=(viewed,))))
    first, *_ = profiles.read(CONSENTS, ConsentChange)
    assert (first.current_id, status(first.consent)) == (PHONES, "denied")


def test_what_leaves_a_segment_by_a_merge_says_what_was_said_before_it() -> None:
    profiles = partition()
    profiles.event(event(START, context=GRANTED), ANN)
    profiles.command(ProfileCommand.of("main", ANNS, Transfer(6, target=PHONES, identifiers=(ANN,))))
    [exited] = profiles.read(activation("mail"), SegmentChange)
    assert (exited.change, status(exited.consent)) == ("exited", "granted")


def test_of_a_profile_that_is_merged_away_nothing_counts_under_its_id_and_it_still_has_said_it() -> None:
    profiles = partition()
    profiles.event(event(START, context=DENIED), ANN)
    [before] = profiles.read(CONSENTS, ConsentChange)
    profiles.command(ProfileCommand.of("main", ANNS, Transfer(6, target=PHONES, identifiers=(ANN,))))
    [retired] = profiles.read(CONSENTS, ConsentChange)
    assert [(each.purpose, each.channel, each.status) for each in retired.changed] == [("marketing", "all", "unknown")]
    assert (retired.current_id, status(retired.consent)) == (ANNS, "denied"), "who has something waiting goes by that"
    assert (retired.decision, retired.version) > (before.decision, before.version)
    assert retired.decision < 6, "what the other profile publishes is later"
