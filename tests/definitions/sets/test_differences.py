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
from definitions.receivers.webhook import Webhook
from definitions.sets.differences import Difference, differences, in_short


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


def test_a_destination_that_says_what_it_was_called_is_no_other_one() -> None:
    hook = Webhook("https://shop.example/hook")
    old, other = Destination("old", receiver=hook), Destination("new", receiver=hook)
    new = Destination("new", receiver=hook, renamed_from=("old",))
    newest = Destination("newest", receiver=hook, renamed_from=("old", "new"))
    before = Definitions(destinations=(old,))
    assert differences(before, Definitions(destinations=(new,))) == (
        Difference("destination", "new", "changed", "old", ("renamed_from",)),
    )
    assert in_short(differences(before, Definitions(destinations=(new,)))) == "~new"
    assert differences(Definitions(destinations=(new,)), Definitions(destinations=(newest,))) == (
        Difference("destination", "newest", "changed", "new", ("renamed_from",)),
    )
    assert differences(before, Definitions(destinations=(newest,))) == (
        Difference("destination", "newest", "changed", "old", ("renamed_from",)),
    )
    for after in ((other,), (old, new)):  # nothing is said of a former name; the former one is still there
        found = differences(before, Definitions(destinations=after))
        assert Difference("destination", "new", "added") in found


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
