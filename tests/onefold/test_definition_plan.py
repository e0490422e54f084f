"""What a plan says that a profile needs at most is what the longest values make of it; and how a plan reads."""

import json
from pathlib import Path

import click
import pytest
from msgspec import Raw
from msgspec.msgpack import encode
from msgspec.structs import replace

from definitions import Definitions
from definitions.consent import ConsentRules, Purpose
from definitions.destinations import Checks, Destination, SendingPace
from definitions.mapping import Constant, Fields, Selected
from definitions.model import (
    Aggregate,
    Call,
    Comparison,
    EventCount,
    EventMatcher,
    Field,
    Measure,
    Operator,
    PropertyFilter,
    Scalar,
    Segment,
    Sequence,
    Statistical,
    Step,
    Trait,
    TraitComparison,
    Trigger,
    Window,
)
from definitions.plan.accumulators import MAX_DISTINCT, MAX_SESSIONS, MAX_VALUES, accumulators_of
from definitions.receivers import Receiver
from definitions.receivers.hubspot import HubSpot
from definitions.receivers.kafka import Kafka
from definitions.receivers.meta_audience import MetaAudience
from definitions.receivers.sql import Sql
from definitions.receivers.values import Secret
from definitions.receivers.webhook import Webhook
from definitions.sets import DefinitionSet, next_set
from definitions.sets.differences import Difference
from definitions.sets.folder import Draft, read_draft
from definitions.streaming.accumulators import state_key
from definitions.streaming.scalars import MAX_TEXT_LENGTH
from definitions.streaming.states import MAX_ORDER_LENGTH, MAX_SUMMAND, EventOrder, Spans, encode_state, type_of
from embedded.terminal import Terminal
from onefold.commands.apply import refuse_unwanted
from onefold.definition_plan import MOST_STATE_BYTES, DefinitionPlan, PlanFigures, Unseen, planned
from onefold.definition_plan_tree import plan_tree
from onefold.left_waiting import done_away_with
from warehouse.queries.definition_predictions import Prediction, Touch

VIEW, BUY = (EventMatcher((Call("track", name),)) for name in ("View", "Buy"))
HOUR_MS = 3_600_000
URL, HOUR = Field(("url",)), Window(HOUR_MS)
LATE = 2**40
WIDE = "\U0001f600"
CONTROL = "\x01"


def measured(measure: Measure, window: Window, of: Field | None = URL) -> Definitions:
    return Definitions(traits=(Trait("t", Statistical(Aggregate(VIEW, measure, of, window))),))


@pytest.mark.parametrize(
    "definitions",
    [
        Definitions((Segment("s", EventCount(VIEW, HOUR, at_least=50)),)),
        Definitions((Segment("s", EventCount(VIEW, HOUR, at_least=5, same=URL)),)),
        Definitions((Segment("s", Sequence((Step(VIEW), Step(BUY)), within_ms=100)),)),
        measured(Measure.DISTINCT, HOUR),
        measured(Measure.MOST_FREQUENT, HOUR),
        measured(Measure.SUM, HOUR),
        measured(Measure.DISTINCT, Window()),
        measured(Measure.FIRST, Window()),
        measured(Measure.SUM, Window()),
        measured(Measure.COUNT, Window(), None),
    ],
)
def test_a_profile_needs_at_most_what_the_plan_says_and_hardly_less(definitions: Definitions) -> None:
    longest = 0
    for accumulator in accumulators_of(definitions):
        state = type_of(accumulator)()
        for number in range(MAX_VALUES):
            value: Scalar | None = None
            if accumulator.of is not None:
                value = MAX_SUMMAND - number - 0.5 if accumulator.numbers else _text(number, accumulator.keeping)
            state.add(EventOrder(LATE + number, LATE, WIDE * MAX_ORDER_LENGTH), value)
        state.trim(accumulator, LATE)
        longest += len(encode({state_key(accumulator, 99_999): Raw(encode_state(state))})) - 1
    says = planned(None, Draft(definitions, {})).cost.state_bytes
    assert longest <= says
    assert says < 1.1 * longest + 64


def test_sessions_need_at_most_what_the_plan_says_and_hardly_less() -> None:
    definitions = Definitions((Segment("s", EventCount(EventMatcher(sessions=True), Window())),))
    (accumulator,) = accumulators_of(definitions)
    state = Spans([(LATE + number * HOUR_MS, LATE + number * HOUR_MS) for number in range(MAX_SESSIONS + 1)])
    state.trim(accumulator, LATE)
    longest = len(encode({state_key(accumulator, 99_999): Raw(encode_state(state))})) - 1
    assert longest <= planned(None, Draft(definitions, {})).cost.state_bytes < 1.1 * longest + 64


def test_some_aggregates_in_a_window_are_within_the_budget_and_more_are_not() -> None:
    def excess(number: int) -> str:
        traits = tuple(
            Trait(f"t{n}", Statistical(Aggregate(VIEW, Measure.DISTINCT, Field((f"p{n}",)), HOUR)))
            for n in range(number)
        )
        return planned(None, Draft(Definitions(traits=traits), {})).excess

    assert not excess(2)
    assert f"{MOST_STATE_BYTES:,} are the budget" in excess(3)


def test_the_library_of_examples_is_within_the_budget() -> None:
    assert not planned(None, read_draft(Path("examples/library"))).excess


def _text(number: int, keeping: str) -> str:
    """As long a text as is kept: of characters that are longest as they are, or as JSON."""
    longest = CONTROL if keeping == "values" else WIDE
    text = f"{number % MAX_DISTINCT:03}" + longest * (MAX_TEXT_LENGTH - 3)
    assert json.loads(json.dumps(text)) == text
    return text


def shown(plan: DefinitionPlan) -> str:
    console = Terminal(width=200)
    with console.capture() as capture:
        console.print(plan_tree(plan))
    return capture.get()


def test_what_is_computed_for_the_past_is_said_as_an_explanation_says_it() -> None:
    from_100 = PropertyFilter(("total",), (Comparison(Operator.GREATER_OR_EQUAL, 100),))
    dear = EventMatcher((Call("track", "Order Completed"),), (from_100,))
    known = EventMatcher((Call("identify"),))
    segments = Segment("dear", EventCount(dear, HOUR)), Segment("known", EventCount(known, Window(2 * 86_400_000)))
    text = shown(planned(None, Draft(Definitions(segments), {})))
    assert "Order Completed where total >= 100 within 1h   at most" in text
    assert "identify call within 2d   at most" in text


def test_members_are_said_of_each_workspace_and_events_of_all_times() -> None:
    added = Difference("segment", "buyers", "added")
    figures = PlanFigures(
        touches={"segment buyers": Touch(69_659, 60)},
        predictions={"buyers": Prediction(2_884, 2_884, 1)},
        by_workspace={
            "main": {"buyers": Prediction(1, 1, 0)},
            "cdnow": {"buyers": Prediction(2_883, 2_883, 1)},
            "idle": {"buyers": Prediction(0, 0, 0)},
        },
    )
    text = shown(DefinitionPlan(2, (added,), figures=figures))
    assert "69,659 events so far, 60 in the last day (under 0.01/s)   2,884 members: 2,884 enter, 1 leave" in text
    assert "main: 1 member: 1 enter, 0 leave" in text
    assert "cdnow: 2,883 members: 2,883 enter, 1 leave" in text
    assert "idle" not in text


def test_who_reads_a_removed_trait_is_named() -> None:
    spent = measured(Measure.SUM, HOUR).traits
    rich = Segment("rich", TraitComparison(("t",), (Comparison(Operator.GREATER_THAN, 5),)))
    former = next_set(None, Definitions((rich,), traits=spent), {}, 0, "")
    text = shown(planned(former, Draft(Definitions((rich,), (Destination("mail", traits=("t",)),)), {"x": ""})))
    assert "destination mail, segment rich would go by the trait as it is sent" in text
    assert "as it is sent" not in shown(planned(former, Draft(Definitions(), {"x": ""})))


def sending(destinations: tuple[Destination, ...], *named: str) -> Definitions:
    rich = TraitComparison(("t",), (Comparison(Operator.GREATER_THAN, 5),))
    return Definitions((Segment("rich", rich, destinations=named),), destinations)


def test_who_stays_at_a_destination_that_is_named_no_more_or_removed_is_said_with_what_to_do() -> None:
    tab, new = (Destination(name, receiver=Webhook("https://shop.example/hook")) for name in ("tab", "new"))
    former = next_set(None, sending((tab, Destination("plain")), "tab", "plain"), {}, 0, "")

    def text(definitions: Definitions) -> str:
        return shown(planned(former, Draft(definitions, {"x": ""})))

    unnamed = text(sending((tab,)))
    assert "who was delivered stays at tab until `onefold destination sync tab`" in unnamed
    assert "plain until" not in unnamed
    renamed = text(sending((new,), "new"))
    assert "what tab holds of rich stays there" in renamed
    assert "run `onefold destination sync tab`, and remove it once that is delivered" in renamed
    assert "if it is called new now, write `renamed_from: [tab]` there" in renamed
    assert "stays" not in text(sending((tab, new), "tab", "new"))
    assert "stays" not in text(Definitions((), (tab,)))


def test_who_is_in_already_is_missing_at_a_destination_that_a_segment_names_anew() -> None:
    tab, bar = (Destination(name, receiver=Webhook("https://shop.example/hook")) for name in ("tab", "bar"))
    new = replace(tab, name="new", renamed_from=("tab",))
    former = next_set(None, sending((tab,), "tab"), {}, 0, "")

    def text(before: DefinitionSet | None, definitions: Definitions) -> str:
        return shown(planned(before, Draft(definitions, {"x": ""})))

    hint = (
        "bar hears of changes from now on, and not of whoever is in already: `onefold destination sync bar --dry-run`"
    )
    assert hint in text(former, sending((tab, bar), "tab", "bar"))
    said = "hears of changes"
    assert said not in text(None, sending((tab, bar), "tab", "bar"))
    assert said not in text(former, sending((new,), "new"))
    assert said not in text(former, sending((tab, Destination("plain")), "tab", "plain"))
    assert said not in text(former, sending((tab, replace(bar, changes=("exited",))), "tab", "bar"))


def test_who_is_at_a_destination_that_is_removed_stays_only_if_that_is_wanted_and_a_renamed_one_goes_on() -> None:
    tab = Destination("tab", receiver=Webhook("https://shop.example/hook"))
    new = replace(tab, name="new", renamed_from=("tab",))
    former = next_set(None, sending((tab,), "tab"), {}, 0, "")

    removed = planned(former, Draft(sending(()), {"x": ""}))
    with pytest.raises(click.ClickException, match=r"nobody could be taken out of tab any more.*--yes"):
        refuse_unwanted(removed, yes=False)
    refuse_unwanted(removed, yes=True)
    renamed = planned(former, Draft(sending((new,), "new"), {"x": ""}))
    assert "stays" not in shown(renamed)
    assert "~ destination new, called tab before" in shown(renamed)
    assert "destination tab" not in shown(renamed)
    refuse_unwanted(renamed, yes=False)
    unnamed = planned(former, Draft(sending((new,)), {"x": ""}))
    assert "who was delivered stays at new until `onefold destination sync new`" in shown(unnamed)
    forgotten = planned(
        next_set(None, sending((new,), "new"), {}, 0, ""),
        Draft(sending((replace(new, renamed_from=()),), "new"), {"x": ""}),
    )
    assert "what new holds of rich stays there" in shown(forgotten)


def test_who_stays_where_a_destination_has_led_is_said_when_it_leads_elsewhere() -> None:
    tab = Destination("tab", receiver=Sql("sqlite:////shop.db", "people"))
    former = next_set(None, sending((tab,), "tab"), {}, 0, "")

    def text(receiver: Receiver, name: str = "tab", **fields: object) -> str:
        moved = replace(tab, name=name, receiver=receiver, **fields)
        return shown(planned(former, Draft(sending((moved,), name), {"x": ""})))

    said = "who is in rich stays where"
    assert said in text(Sql("sqlite:////shop.db", "persons"))
    assert said in text(Sql("sqlite:////shop.db", "people", key=("name", "profile_id", "kind")))
    assert said in text(MetaAudience(Secret(env="TOKEN"), "1"))
    assert said in text(Sql("sqlite:////other.db", "people"), "new", renamed_from=("tab",))
    assert said not in text(Sql("sqlite:////shop.db", "people", batch=5))
    assert said not in text(Sql("sqlite:////other.db", "people"), "new")


@pytest.mark.parametrize(
    ("former", "moved", "is_said"),
    [
        (Webhook("https://a.example", keeps_members=True), Webhook("https://b.example", keeps_members=True), True),
        (Webhook(Secret(env="A"), keeps_members=True), Webhook(Secret(env="B"), keeps_members=True), True),
        (Webhook("https://a.example", keeps_members=True), Webhook("https://a.example"), False),
        (Webhook("https://a.example"), Webhook("https://b.example"), False),
        (Kafka("shop:9092", "a", keeps_members=True), Kafka("shop:9092", "b", keeps_members=True), True),
        (Kafka("shop:9092", "a", keeps_members=True), Kafka("shop:9092", "a", tls=True, keeps_members=True), False),
        (Sql("postgresql://old@db/shop", "people"), Sql("postgresql://new@db/shop", "people"), False),
        (Sql("postgresql://old@db/shop", "people"), Sql("postgresql://old@other/shop", "people"), True),
        (HubSpot(Secret(env="A")), HubSpot(Secret(env="B")), True),
    ],
)
def test_who_stays_is_said_of_places_that_keep_people_and_that_it_may_be_the_same_one(
    former: Receiver, moved: Receiver, is_said: bool
) -> None:
    tab = Destination("tab", receiver=former)
    after = sending((replace(tab, receiver=moved),), "tab")
    text = shown(planned(next_set(None, sending((tab,), "tab"), {}, 0, ""), Draft(after, {"x": ""})))
    said = "unless tab leads to the same place by another address or secret, who is in rich stays where it has led"
    assert (said in text) == is_said


def test_what_waits_for_a_destination_that_is_removed_is_said_and_left_only_if_that_is_wanted() -> None:
    tab, bar = (Destination(name, receiver=Webhook("https://shop.example/hook")) for name in ("tab", "bar"))
    new = replace(tab, name="new", renamed_from=("tab",))
    plain = Destination("bar")
    former = Definitions(destinations=(tab, bar))
    assert done_away_with(former, Definitions(destinations=(new, plain))) == {"bar": ("bar",)}
    assert done_away_with(Definitions(destinations=(new,)), Definitions()) == {"new": ("tab", "new")}
    forgotten = Definitions(destinations=(replace(new, renamed_from=()),))
    assert done_away_with(Definitions(destinations=(new,)), forgotten) == {"new": ("tab", "new")}

    made = planned(next_set(None, former, {}, 0, ""), Draft(Definitions(destinations=(tab, plain)), {"x": ""}))
    refuse_unwanted(made, yes=False)
    waiting = replace(made, warnings=replace(made.warnings, left_waiting={"bar": 1_200}))
    gone = "what waits is refused after 72 h, unless it is defined again by then"
    assert f"1,200 deliveries for bar wait: {gone}" in shown(waiting)
    with pytest.raises(click.ClickException, match=f"1,200 deliveries for bar wait.*: {gone}: .*--yes"):
        refuse_unwanted(waiting, yes=False)
    refuse_unwanted(waiting, yes=True)


def test_which_keys_of_a_destination_change_is_said_and_no_value() -> None:
    def plan_after(**changed: object) -> str:
        hook = Webhook("https://shop.example/hook", (Secret(env="OLD"),))
        tab = Destination("tab", receiver=hook, mapping=Fields((("id", Constant(1)), ("text", Constant("hunter2")))))
        former = next_set(None, Definitions(destinations=(tab,)), {}, 0, "")
        return shown(planned(former, Draft(Definitions(destinations=(replace(tab, **changed),)), {"x": ""})))

    hook = Webhook("https://shop.example/hunter2", (Secret(env="NEW"),))
    fields = Fields((("id", Constant(2)), ("name", Constant("hunter2"))))
    text = plan_after(
        receiver=hook,
        mapping=fields,
        checks=Checks(hold_out_permille=50),
        pace=SendingPace(timeout_ms=9),
        coalesces=True,
        title="Tab",
    )
    keys = "url, secrets, mapping.id, mapping.text, mapping.name, hold_out, coalesce, timeout"
    assert f"~ destination tab   what changes: {keys}\n" in text
    assert "hunter2" not in text
    assert "what changes: type\n" in plan_after(receiver=None)
    assert "what changes: mapping\n" in plan_after(mapping=Fields((("text", Constant("hunter2")), ("id", Constant(1)))))


def test_an_address_that_nothing_is_sent_to_is_named_below_its_destination() -> None:
    own = Destination("own", receiver=Webhook("http://127.0.0.1:9/hook"))
    allowed = Destination("allowed", receiver=Webhook("http://127.0.0.1:9/hook", allow_private=True))
    text = shown(planned(None, Draft(Definitions(destinations=(own, allowed)), {"x": ""})))
    assert text.count("url: 127.0.0.1 is not public (allow it by `allow_private: true` if that is meant)") == 1


def test_a_trait_by_which_people_are_found_is_named_below_its_destination() -> None:
    crm = Destination("crm", receiver=HubSpot(Secret(env="T")), mapping=Fields((("id", Selected(("traits", "code"))),)))
    text = shown(planned(None, Draft(Definitions(destinations=(crm,)), {"x": ""})))
    assert text.count("people are found there by the trait code") == 1


def test_a_segment_that_keeps_who_withdraws_consent_is_named_with_the_line_to_add() -> None:
    rules = ConsentRules((Purpose("advertising"),))
    ads = Destination("ads", receiver=MetaAudience(Secret(env="T")), checks=Checks("advertising"))
    before = replace(sending((ads,), "ads"), consent=rules)
    unasked = planned(None, Draft(before, {"x": ""}))
    advice = "add `- {consent: advertising, channel: ads, is: allowed}` to an `all` in its `when`"
    assert advice in unasked.warnings.unasked["segment rich"][0]
    assert advice in shown(unasked)
    loosened = replace(before, destinations=(replace(ads, pace=SendingPace(rate=5.0)),))
    again = planned(next_set(None, before, {}, 0, ""), Draft(loosened, {"x": ""}))
    assert again.warnings.unasked["destination ads"][0].startswith("segment rich: who withdraws")


def test_an_event_that_nobody_has_sent_is_named_below_what_looks_for_it() -> None:
    added = Difference("segment", "buyers", "added")
    unseen = {"segment buyers": (Unseen("Order Compleeted", "Order Completed"), Unseen("Paid", None))}
    lines = [
        line.rstrip() for line in shown(DefinitionPlan(2, (added,), figures=PlanFigures(unseen=unseen))).splitlines()
    ]
    assert any(
        line.endswith("nobody has sent 'Order Compleeted' so far: did you mean 'Order Completed'?") for line in lines
    )
    assert any(line.endswith("nobody has sent 'Paid' so far") for line in lines)


def test_a_property_and_a_trait_that_nobody_has_sent_are_named_as_what_they_are() -> None:
    added = Difference("trigger", "thanks", "added")
    unseen = {"trigger thanks": (Unseen("utm.source", r"utm\.source", "property"), Unseen("city", None, "trait"))}
    lines = [
        line.rstrip() for line in shown(DefinitionPlan(2, (added,), figures=PlanFigures(unseen=unseen))).splitlines()
    ]
    assert any(
        line.endswith(r"nobody has sent the property 'utm.source' so far: did you mean 'utm\.source'?")
        for line in lines
    )
    assert any(line.endswith("nobody has sent the trait 'city' so far") for line in lines)


def test_a_workspace_that_there_is_not_is_named_below_what_is_for_it() -> None:
    added = Difference("trigger", "thanks", "added")
    unseen = {"trigger thanks": (Unseen("mian", "main", "workspace"),)}
    text = shown(DefinitionPlan(2, (added,), figures=PlanFigures(unseen=unseen)))
    assert "there is no workspace 'mian': did you mean 'main'?" in text


def test_a_trigger_whose_template_names_a_removed_trait_is_said_to_go_by_what_is_sent() -> None:
    spent = measured(Measure.SUM, HOUR).traits
    thanks = Trigger("thanks", EventMatcher((Call("track", "Buy"),)), payload=(("text", "{{ profile.traits.t }}"),))
    former = next_set(None, Definitions(triggers=(thanks,), traits=spent), {}, 0, "")
    text = shown(planned(former, Draft(Definitions(triggers=(thanks,)), {"x": ""})))
    assert "trigger thanks would go by the trait as it is sent" in text
