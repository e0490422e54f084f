"""What is different between two sets, by meaning, and what is so only by what it reads."""

from definitions.consent import ConsentRules, Purpose
from definitions.destinations import Destination
from definitions.model import (
    Case,
    Comparison,
    ConsentComparison,
    Definitions,
    Function,
    InSegment,
    Literally,
    Not,
    Operator,
    Rule,
    Segment,
    Trait,
    TraitComparison,
    TraitValue,
)
from definitions.sets.differences import Difference, differences


def rich(limit: int) -> Trait:
    above = TraitComparison(("spent",), (Comparison(Operator.GREATER_THAN, limit),))
    return Trait("rich", Rule((Case(above, Literally(True)),)))


DOUBLE = Trait("double", Rule(otherwise=Function("add", (TraitValue(("rich",)), TraitValue(("rich",))))))
WELCOME = Segment("welcome", TraitComparison(("double",), ()))
OTHERS = Segment("others", Not(InSegment("welcome")))
ALONE = Segment("alone", TraitComparison(("plan",), ()))
MAIL = Destination("mail", traits=("rich",))


def test_titles_and_order_are_no_difference() -> None:
    titled = Segment("alone", ALONE.when, title="Alone", description="...")
    assert differences(Definitions((ALONE, WELCOME)), Definitions((WELCOME, titled))) == ()


def test_what_reads_something_changed_is_affected_over_any_number_of_steps() -> None:
    before = Definitions((WELCOME, OTHERS, ALONE), (MAIL,), traits=(rich(1), DOUBLE))
    after = Definitions((WELCOME, OTHERS, ALONE), (MAIL,), traits=(rich(2), DOUBLE))
    assert differences(before, after) == (
        Difference("destination", "mail", "affected"),
        Difference("segment", "others", "affected"),
        Difference("segment", "welcome", "affected"),
        Difference("trait", "double", "affected"),
        Difference("trait", "rich", "changed"),
    )


def test_what_is_added_and_removed_is_named_by_its_kind() -> None:
    assert differences(Definitions((ALONE,)), Definitions((), (Destination("alone"),))) == (
        Difference("destination", "alone", "added"),
        Difference("segment", "alone", "removed"),
    )


def test_another_default_affects_what_asks_whether_something_is_allowed_and_nothing_else() -> None:
    segments = (
        Segment("allowed", ConsentComparison("marketing", "email", "allowed")),
        Segment("granted", ConsentComparison("marketing", "email", "granted")),
        Segment("of_another", ConsentComparison("service", "", "allowed")),
        Segment("within", InSegment("allowed")),
    )
    before, after = (
        Definitions(segments, consent=ConsentRules((Purpose("marketing", default=default), Purpose("service"))))
        for default in ("opt_in", "opt_out")
    )
    assert differences(before, after) == (
        Difference("consent", "consent.yaml", "changed"),
        Difference("segment", "allowed", "affected"),
        Difference("segment", "within", "affected"),
    )
