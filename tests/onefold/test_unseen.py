"""A plan names what definitions look for and nobody has sent: in filters, measures, traits and templates."""

from definitions.destinations import Destination
from definitions.model import (
    AcrossTrigger,
    Aggregate,
    Call,
    Comparison,
    Condition,
    Definitions,
    EventCount,
    EventMatcher,
    Field,
    Measure,
    Operator,
    Path,
    PropertyFilter,
    Root,
    Rule,
    Segment,
    Statistical,
    Trait,
    TraitComparison,
    TraitValue,
    Trigger,
    Window,
)
from definitions.sets.differences import differences
from onefold.definition_plan import DefinitionPlan, Unseen
from onefold.unseen import unseen_by
from tests.definitions.naive.lives import Happened
from tests.definitions.populations import person, record
from warehouse.client import Warehouse

BOUGHT = EventMatcher((Call("track", "Buy"),))
IS_THERE = (Comparison(Operator.EXISTS, True),)


def bought(path: Path, root: Root = "properties", of: EventMatcher = BOUGHT) -> EventCount:
    return EventCount(EventMatcher(of.calls, (PropertyFilter(path, IS_THERE, root),)), Window())


def unseen(warehouse: Warehouse, workspace: str, definitions: Definitions) -> dict[str, tuple[Unseen, ...]]:
    plan = DefinitionPlan(1, differences(Definitions(), definitions))
    return unseen_by(warehouse, [workspace], plan, definitions, {})


def sent(warehouse: Warehouse, workspace: str) -> None:
    properties = {"total": 5, "utm.source": "google", "page": {"path": "/"}, "渠道": "x"}
    events = [
        Happened(1, "track", "Buy", properties, context={"locale": "zh"}, message_id="a"),
        Happened(2, "track", "View", {"sku": 1}, message_id="b"),
        Happened(3, "identify", None, traits={"plan": "pro", "address": {"city": "Kyoto"}}, message_id="c"),
    ]
    record(warehouse, workspace, {person(1): events})


def test_a_workspace_that_there_is_not_is_told_with_what_may_be_meant(warehouse: Warehouse, workspace: str) -> None:
    slip = workspace[:-1]
    found = unseen(warehouse, workspace, Definitions((Segment("s", bought(("total",)), workspaces=(slip, workspace)),)))
    assert Unseen(slip, workspace, "workspace") in found["segment s"]
    assert unseen(warehouse, workspace, Definitions(destinations=(Destination("d"),))) == {}


def test_names_that_no_event_of_the_right_call_has_are_told_from_those_that_one_has(
    warehouse: Warehouse, workspace: str
) -> None:
    sent(warehouse, workspace)
    anything, nobody = EventMatcher(), EventMatcher((Call("track", "Never"),))
    segments: dict[str, Condition] = {
        "total": bought(("total",)),
        "totl": bought(("totl",)),
        "sku": bought(("sku",)),
        "of any": bought(("sku",), of=anything),
        "of none": bought(("sku",), of=nobody),
        "flat": bought(("utm.source",)),
        "nested": bought(("utm", "source")),
        "escaped": bought(("page.path",)),
        "deep": bought(("page", "nothing")),
        "channel": bought(("渠道",)),
        "language": bought(("language",), "context"),
        "plan": TraitComparison(("plan",), IS_THERE),
        "pln": TraitComparison(("plans",), IS_THERE),
        "sum": TraitComparison(("spent",), IS_THERE),
    }
    spent = Trait("spent", Statistical(Aggregate(BOUGHT, Measure.SUM, Field(("totals",)))))
    definitions = Definitions(tuple(Segment(*each) for each in segments.items()), traits=(spent,))
    assert unseen(warehouse, workspace, definitions) == {
        "segment totl": (Unseen("totl", "total", "property"),),
        "segment sku": (Unseen("sku", None, "property"),),
        "segment nested": (Unseen("utm.source", r"utm\.source", "property"),),
        "segment escaped": (Unseen(r"page\.path", "page.path", "property"),),
        "segment language": (Unseen("language", None, "context"),),
        "segment pln": (Unseen("plans", "plan", "trait"),),
        "trait spent": (Unseen("totals", "total", "property"),),
    }


def test_templates_expressions_destinations_and_triggers_across_people_are_looked_at(
    warehouse: Warehouse, workspace: str
) -> None:
    sent(warehouse, workspace)
    text = (
        "{{ event.properties.total }} {{ event.properties['utm.source'] }} {{ event.properties.amount }}"
        "{{ profile.traits.plan }} {{ profile.traits.doubled }} {{ profile.traits['cty'] }} {{ profile.segments }}"
    )
    definitions = Definitions(
        destinations=(Destination("mail", traits=("plan", "doubled", "adress")),),
        traits=(Trait("doubled", Rule(otherwise=TraitValue(("points",)))),),
        triggers=(Trigger("thanks", BOUGHT, payload=(("text", text),)),),
        across=(AcrossTrigger("spike", BOUGHT, 60_000, 5, Field(("product",))),),
    )
    assert unseen(warehouse, workspace, definitions) == {
        "destination mail": (Unseen("adress", "address", "trait"),),
        "trait doubled": (Unseen("points", None, "trait"),),
        "trigger thanks": (Unseen("amount", None, "property"), Unseen("cty", None, "trait")),
        "trigger spike": (Unseen("product", None, "property"),),
    }


def test_where_nobody_was_ever_identified_no_trait_was_sent(warehouse: Warehouse, workspace: str) -> None:
    definitions = Definitions(
        (Segment("pros", TraitComparison(("plan",), IS_THERE)), Segment("buyers", bought(("a",))))
    )
    assert unseen(warehouse, workspace, definitions) == {"segment pros": (Unseen("plan", None, "trait"),)}
