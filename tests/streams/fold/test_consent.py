"""What people say about being sent things: which statement counts, after merges, replays and in any order."""

from collections.abc import Mapping
from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions import Definitions, Segment, compile_program
from definitions.consent import ConsentRules
from definitions.model import Case, ConsentComparison, Literally, Rule, Trait, Trigger
from schemas.consent import ALL, ConsentState, ConsentStatement, decode_consent, is_allowed, status_of
from schemas.records import ConsentChange, Event, Identifier
from streams.fold.consent import MAX_IDENTIFIERS, Consent
from streams.fold.fold import fold_event, refresh
from streams.fold.merge import merge, retire
from streams.fold.moment import FoldContext, Outputs
from streams.fold.records import consent_records
from streams.fold.state import ProfileState
from tests.streams.fold.definitions import CONSENT
from tests.streams.fold.given import CONTEXT, START, event, event_lists, fold, identify, transitions

ANN, MAIL, PHONE = Identifier("user_id", "ann"), Identifier("email", "ann@example.com"), Identifier("phone", "+1")
OTHER_ID = "6a1f6f0c-0000-5000-8000-000000000002"
YES, NO = "granted", "denied"


def said(at: int, purposes: object, *identifiers: Identifier, name: str = "View", **consent: object) -> Event:
    context = {"consent": {"purposes": purposes, **consent}}
    return event(at, name, identifiers=identifiers or (ANN,), context=context, message_id=f"{at}-{identifiers}")


def statuses(state: ProfileState) -> Mapping[tuple[str, str], str]:
    return {
        (purpose, channel): statement.status
        for purpose, by_channel in state.consent.state().statements.items()
        for channel, statement in by_channel.items()
    }


def records(state: ProfileState, out: Outputs, *former_ids: str) -> list[ConsentChange]:
    return list(consent_records(state, CONTEXT, out, former_ids, START))


def merged(*states: ProfileState) -> tuple[ProfileState, Outputs]:
    result, out = ProfileState(), Outputs()
    for number, state in enumerate(states):
        retire(state, CONTEXT, Outputs())
        merge(result, state, (Identifier("user_id", f"u{number}"),), number, CONTEXT, out)
    return result, out


def test_what_was_said_of_whom_no_event_is_left_is_unknown_since_then() -> None:
    state, out = fold([said(START, {"marketing": True})], out=Outputs())
    assert len(records(state, out)) == 1
    left = ProfileState()
    left.consent.published = state.consent.published
    (record,) = records(left, Outputs(touches_consent=True))
    assert [(each.purpose, each.status, each.since) for each in record.changed] == [("marketing", "unknown", START)]


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"consent": {"categoryPreferences": {"Advertising": True, "Unknown": True}}}, {("marketing", ALL): YES}),
        ({"consent": {"purposes": {"marketing": {"email": False}, "service": "unknown"}}},
         {("marketing", "email"): NO, ("service", ALL): "unknown"}),
        ({"consent": {"purposes": {"marketing": {"fax": True}, "selling": True, "service": 7}}}, {}),
        ({"consent": {"purposes": {ALL: {"email": "denied"}}}}, {(ALL, "email"): NO}),
        ({"consent": "yes"}, {}),
        ('{"consent": ', {}),
    ],
)  # fmt: skip
def test_the_context_of_every_call_counts(
    context: Mapping[str, object] | str, expected: dict[tuple[str, str], str]
) -> None:
    state, _ = fold([event(START, context=context)])
    assert statuses(state) == expected


@pytest.mark.parametrize(
    ("consent", "expected"),
    [
        ({"purposes": {"marketing": "grantd", "service": {"email": "granted", "fax": "denied", "sms": None}}},
         {"marketing": 1, "service": 2}),
        ({"purposes": {"marketng": {"email": "granted"}, "marketing": {"email": "granted"}, ALL: 1}}, {"": 1, ALL: 1}),
        ({"categoryPreferences": {"Advertising": "yes", "Functional": True}}, {"marketing": 1}),
        ({"purposes": {"marketing": "denied"}}, {}),
    ],
)  # fmt: skip
def test_what_says_nothing_since_it_is_misspelt_is_counted(
    consent: Mapping[str, object], expected: dict[str, int]
) -> None:
    _, out = fold([event(START, context={"consent": consent})])
    assert {reader.removeprefix("consent "): number for reader, number in out.mistyped.items()} == expected
    names = CONTEXT.program.named_by_reader
    assert [names[reader] for reader in out.mistyped] == [(("consent", name),) for name in expected]


@pytest.mark.parametrize(
    ("name", "properties", "expected"),
    [
        ("Unsubscribed", {}, {(ALL, "email"): NO}),
        ("Unsubscribed", {"purpose": "marketing", "channel": "sms"}, {("marketing", "sms"): NO}),
        ("Email Marked as Spam", {"purpose": "marketing"}, {(ALL, "email"): NO}),
        ("Email Bounced", {}, {(ALL, "email"): NO}),
        ("Email Bounced", {"bounce_type": "Hard"}, {(ALL, "email"): NO}),
        ("Email Bounced", {"bounce_type": "Soft"}, {}),
        ("Email Opened", {}, {}),
    ],
)
def test_events_of_mails_deny(
    name: str, properties: Mapping[str, object], expected: dict[tuple[str, str], str]
) -> None:
    state, _ = fold([event(START, name, properties=properties)])
    assert statuses(state) == expected


def test_traits_say_so_by_their_value_and_nothing_by_another() -> None:
    state, _ = fold([identify(START, {"email_opt_out": True, "plan": "pro"})])
    assert statuses(state) == {(ALL, "email"): NO, ("marketing", "sms"): YES}
    for value, counted in ((False, {}), (1, {"consent all": 1}), ("true", {"consent all": 1}), (None, {})):
        silent, out = fold([identify(START, {"email_opt_out": value})])
        assert (statuses(silent), out.mistyped) == ({}, counted)


def test_the_later_event_of_one_identifier_wins_however_late_the_earlier_one_comes() -> None:
    events = [said(START + 1, {"marketing": NO}), said(START + 2, {"marketing": YES}, text="v2")]
    for order in (events, events[::-1]):
        state, _ = fold(order)
        statement = state.consent.state().statements["marketing"][ALL]
        assert (statement.status, statement.since, statement.text, statement.source) == (YES, START + 2, "v2", "site")


def test_of_two_profiles_that_merge_the_most_restrictive_counts_though_the_grant_is_later() -> None:
    denied, _ = fold([said(START, {"marketing": NO}, PHONE)])
    granted, _ = fold([said(START + 9, {"marketing": YES}, ANN)])
    assert statuses(merged(denied, granted)[0]) == {("marketing", ALL): NO}
    unknown, _ = fold([said(START, {"marketing": "unknown"}, PHONE)])
    assert statuses(merged(unknown, granted)[0]) == {("marketing", ALL): "unknown"}
    assert statuses(merged(ProfileState(), granted)[0]) == {("marketing", ALL): YES}, (
        "who said nothing objects to nothing"
    )


def test_who_speaks_for_both_identifiers_lifts_what_either_has_said_before() -> None:
    state, _ = fold([said(START, {"marketing": NO}, PHONE), said(START + 1, {"marketing": YES}, ANN)])
    assert statuses(state) == {("marketing", ALL): NO}
    fold([said(START + 2, {"marketing": YES}, ANN, PHONE)], state)
    assert statuses(state) == {("marketing", ALL): YES}
    listed = event(
        START + 3,
        "Consent Preference Updated",
        properties={"speaks_for": [str(PHONE), 7]},
        context={"consent": {"purposes": {"marketing": NO}}},
    )
    fold([listed], state)
    assert statuses(state) == {("marketing", ALL): NO}


@given(events=event_lists(), data=st.data())
def test_merging_in_any_order_and_replaying_as_one_profile_come_to_the_same(
    events: list[Event], data: st.DataObject
) -> None:
    whole, _ = fold(events)
    cut = data.draw(st.integers(0, len(events)))
    parts = [fold(part)[0] for part in (events[:cut], events[cut:])]
    united, _ = merged(*data.draw(st.permutations(parts)))
    assert united.consent.state() == whole.consent.state()


@given(events=event_lists(), data=st.data())
def test_a_merge_allows_nothing_that_one_of_both_objects_to_but_where_one_spoke_for_both(
    events: list[Event], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(events)))
    first = [each for each in events[:cut] if len(each.identifiers) == 1]
    second = [each for each in events[cut:] if each.identifiers == (Identifier("anonymous_id", "a"),)]
    apart = [each for each in first if each.identifiers != (Identifier("anonymous_id", "a"),)]
    parts = [fold(part)[0] for part in (apart, second)]
    united, _ = merged(*parts)
    for key in {key for part in parts for key in statuses(part)}:
        order = (YES, "unknown", NO)
        assert statuses(united)[key] == max((statuses(part).get(key, YES) for part in parts), key=order.index)


def test_what_is_published_is_what_is_different_and_the_whole_is_beside_it() -> None:
    state, out = fold([said(START, {"marketing": YES, "service": NO}, text="v1")])
    [record] = records(state, out)
    assert [(each.purpose, each.channel, each.status, each.text) for each in record.changed] == [
        ("marketing", ALL, YES, "v1"),
        ("service", ALL, NO, "v1"),
    ]
    assert is_allowed(decode_consent(record.consent), "marketing", "email", CONSENT.defaults)
    assert record.version == state.lineage.version
    _, again = fold([said(START + 1, {"marketing": YES}, text="v1")], state)
    assert records(state, again) == [], "the same was said once more"
    _, other = fold([said(START + 2, {"marketing": NO}, text="v1")], state)
    [record] = records(state, other)
    assert [(each.purpose, each.status, each.event) for each in record.changed] == [
        ("marketing", NO, f"{START + 2}-()")
    ]


_KEYS = ("marketing", "service", ALL)
_ONCE = st.tuples(st.sampled_from(_KEYS), st.sampled_from(("email", "sms", ALL)), st.sampled_from((YES, NO, "unknown")))


@given(st.lists(st.lists(_ONCE, min_size=1, max_size=2), max_size=12))
def test_who_reads_only_what_is_published_knows_of_everything_that_counts(
    batches: list[list[tuple[str, str, str]]],
) -> None:
    state, read = ProfileState(), dict[str, dict[str, ConsentStatement]]()
    for number, batch in enumerate(batches):
        purposes: dict[str, dict[str, str]] = {}
        for purpose, channel, status in batch:
            purposes.setdefault(purpose, {})[channel] = status
        _, out = fold([said(START + number, purposes)], state)
        for record in records(state, out):
            for each in record.changed:
                statement = ConsentStatement(each.status, each.since, each.event, each.source)
                read.setdefault(each.purpose, {})[each.channel] = statement
        counting = state.consent.state()
        for purpose, channel in product(_KEYS, ("email", "sms", "")):
            known = status_of(ConsentState(read), purpose, channel)
            assert known == status_of(counting, purpose, channel), (purpose, channel)


def test_after_a_merge_everything_is_published_under_the_other_id_as_well() -> None:
    denied, first = fold([said(START, {"marketing": NO}, ANN)])
    records(denied, first)
    granted, _ = fold([said(START, {"marketing": YES}, PHONE)])
    retire(granted, CONTEXT, Outputs())
    out = Outputs()
    merge(denied, granted, (PHONE,), 7, CONTEXT, out)
    own, former = records(denied, out, CONTEXT.profile_id, OTHER_ID)
    assert own.changed == (), "it counted before"
    assert (former.profile_id, former.current_id, former.decision) == (OTHER_ID, CONTEXT.profile_id, 7)
    assert [each.status for each in former.changed] == [NO]
    assert former.consent == own.consent


def test_what_no_event_says_any_more_is_unknown() -> None:
    state, out = fold([said(START, {"marketing": YES})])
    records(state, out)
    kept = state.consent.outlast()
    assert kept.state() == ConsentState()
    [entry] = kept.publish(START + 5)
    assert (entry.status, entry.since, entry.event) == ("unknown", START + 5, "")
    assert kept.publish(START + 6) == ()


def test_what_was_denied_outlasts_a_rebuild_for_the_identifiers_that_stay_and_each_other_one_is_told() -> None:
    state, _ = fold([said(START, {"marketing": NO}, ANN, MAIL), said(START + 1, {"marketing": YES}, ANN)])
    assert status_of(state.consent.state(), "marketing", "") == NO, "the address has not granted"
    kept = state.consent.outlast()
    other = Consent()
    assert other.hear(MAIL, kept.denials(MAIL))
    assert not other.hear(MAIL, kept.denials(MAIL)), "no news"
    kept.come_apart([ANN], [MAIL])
    again = said(START + 1, {"marketing": YES}, ANN)
    fold_event(replayed := ProfileState(consent=kept), again, CONTEXT, Outputs())
    assert status_of(replayed.consent.state(), "marketing", "") == YES, "her own grant is replayed"
    assert status_of(other.state(), "marketing", "") == NO


def test_a_grant_that_stays_with_another_profile_does_not_undo_what_was_denied_before() -> None:
    calls = said(START, {"marketing": NO}, MAIL), said(START + 1, {"marketing": YES}, ANN, MAIL)
    state, _ = fold(calls)
    assert status_of(state.consent.state(), "marketing", "") == YES
    address = Consent()
    assert address.hear(MAIL, state.consent.denials(MAIL))
    assert status_of(address.state(), "marketing", "") == NO


def test_an_identifier_that_is_back_is_told_nothing_and_one_that_is_still_apart_is() -> None:
    state, _ = fold([said(START, {"marketing": YES})])
    state.consent.come_apart([ANN], [MAIL, PHONE])
    back, _ = fold([event(START, identifiers=(MAIL,), message_id="of the address")])
    merge(state, back, (MAIL,), 7, CONTEXT, Outputs())
    out = Outputs()
    fold_event(state, said(START + 1, {"marketing": NO}, ANN, MAIL, PHONE), CONTEXT, out)
    assert list(out.denied) == [PHONE]


@pytest.mark.parametrize(
    ("before", "again", "is_otherwise"),
    [
        ({"purposes": {"marketing": False}}, {"purposes": {"marketing": False}}, False),
        ({"purposes": {"marketing": False}}, {"purposes": {"marketing": False}, "text": "v2"}, True),
        ({"purposes": {"marketing": {"all": False, "email": True}}}, {"purposes": {"marketing": False}}, False),
        ({"purposes": {"marketing": True}}, {"purposes": {"marketing": False}}, True),
        ({}, {"purposes": {"marketing": False}}, True),
    ],
)
def test_what_is_said_again_counts_otherwise_only_where_more_than_its_time_has_changed(
    before: object, again: object, is_otherwise: bool
) -> None:
    state, _ = fold([event(START, context={"consent": before}, message_id="before")])
    former = state.consent.shown()
    fold_event(state, event(START + 2, context={"consent": again}, message_id="again"), CONTEXT, Outputs())
    assert state.consent.counts_otherwise(former) is is_otherwise


def test_a_denial_that_is_said_again_counts_otherwise_where_a_later_grant_had_lifted_it() -> None:
    denied = said(START, {"marketing": NO})
    state, _ = fold([denied, said(START + 1, {"marketing": {"email": YES}})])
    former = state.consent.shown()
    fold_event(state, said(START + 2, {"marketing": NO}), CONTEXT, Outputs())
    assert state.consent.counts_otherwise(former)


def test_identifiers_beyond_a_number_are_one_however_they_come() -> None:
    events = [
        said(START + number, {"marketing": NO if number % 2 else YES}, Identifier("email", f"{number}@example.com"))
        for number in range(3 * MAX_IDENTIFIERS)
    ]
    first, second = fold(events)[0].consent, fold(events[::-1])[0].consent
    assert first == second
    assert len(first.said["marketing|all"]) == MAX_IDENTIFIERS + 1
    assert isinstance(first, Consent)


def asking(rules: ConsentRules = CONSENT) -> FoldContext:
    """The context of definitions that ask for consent."""
    by_mail = ConsentComparison("marketing", "email", "allowed")
    definitions = Definitions(
        (
            Segment("reachable", by_mail),
            Segment("silent", ConsentComparison("marketing", "", "unknown")),
            Segment("served", ConsentComparison("service", "", "allowed")),
        ),
        traits=(Trait("wants", Rule((Case(by_mail, Literally("news")),), Literally("nothing"))),),
        triggers=(Trigger("welcome", when=by_mail),),
        consent=rules,
    )
    return msgspec.structs.replace(CONTEXT, program=compile_program(definitions))


def test_who_says_yes_enters_and_who_says_no_leaves_by_that_event_at_its_time() -> None:
    context = asking()
    state, first = fold([event(START)], context=context)
    assert transitions(first.segment_changes) == [("served", "entered", START), ("silent", "entered", START)]
    assert state.computed.value("wants") == "nothing"
    yes, no = said(START + 1, {"marketing": YES}), said(START + 2, {"marketing": {"email": NO}, "service": NO})
    _, second = fold([yes], state, context, Outputs())
    assert transitions(second.segment_changes) == [
        ("reachable", "entered", START + 1),
        ("silent", "exited", START + 1),
    ]
    assert {change.cause for change in second.segment_changes} == {yes.message_id}
    assert state.computed.value("wants") == "news"
    assert [(each.trigger, each.cause) for each in second.triggers] == [("welcome", yes.message_id)]
    _, third = fold([no], state, context, Outputs())
    assert transitions(third.segment_changes) == [("reachable", "exited", START + 2), ("served", "exited", START + 2)]
    assert (state.computed.value("wants"), third.triggers) == ("nothing", [])


def test_what_comes_late_changes_nothing_that_was_said_after_it_and_corrects_the_rest() -> None:
    context = asking()
    state, _ = fold([said(START + 5, {"marketing": YES})], context=context)
    _, out = fold([said(START, {"marketing": NO})], state, context, Outputs())
    assert out.segment_changes == [], "the later word of the same identifier counts"
    _, out = fold([said(START + 1, {"marketing": NO}, PHONE)], state, context, Outputs())
    assert transitions(out.segment_changes) == [("reachable", "exited", START + 5)]


def test_a_merge_takes_out_whoever_the_other_one_objects_for() -> None:
    context = asking()
    granted, _ = fold([said(START + 9, {"marketing": YES}, ANN)], context=context)
    denied, _ = fold([said(START, {"marketing": NO}, PHONE)], context=context)
    retire(denied, context, Outputs())
    out = Outputs()
    merge(granted, denied, (PHONE,), 7, context, out)
    assert transitions(out.segment_changes) == [("reachable", "exited", START + 9)]


def test_another_default_takes_effect_on_everybody() -> None:
    state, _ = fold([event(START)], context=asking())
    other = msgspec.structs.replace(
        CONSENT,
        purposes=tuple(
            msgspec.structs.replace(each, default="opt_out" if each.default == "opt_in" else "opt_in")
            for each in CONSENT.purposes
        ),
    )
    out = Outputs()
    refresh(state, asking(other), out, START + 1)
    assert sorted(transitions(out.segment_changes)) == [
        ("reachable", "entered", START + 1),
        ("served", "exited", START + 1),
    ]


@given(events=event_lists())
def test_memberships_are_those_of_what_was_said_after_every_event(events: list[Event]) -> None:
    context, state = asking(), ProfileState()
    for each in events:
        fold([each], state, context, Outputs())
        allowed = {
            ("reachable", is_allowed(state.consent.state(), "marketing", "email", CONSENT.defaults)),
            ("served", is_allowed(state.consent.state(), "service", "", CONSENT.defaults)),
        }
        assert {(name, name in state.memberships.entered_at) for name, _ in allowed} == allowed
