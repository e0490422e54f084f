"""How an explanation is printed: what fired, for which event and with which payload, and what did not."""

import io

from rich.tree import Tree

from api.across import ExplainedAcross, ShownValue
from api.explaining import ExplainedDefinition, ShownFiring
from definitions.explaining.explain import ExplainedTrait, ReadTrait, ShownEvent
from definitions.explaining.triggers import ExplainedTrigger, Occasion
from embedded.terminal import Terminal
from onefold.commands.explain_definitions import across_tree, explanation_tree
from warehouse.queries.across import PastFiring

AT = "2027-01-15T08:00:00.000Z"
ORDER = ShownEvent("m1", "web", "track", "Ordered", AT)


def printed(explanation: ExplainedDefinition) -> list[str]:
    return lines_of(explanation_tree(explanation))


def lines_of(tree: Tree) -> list[str]:
    console = Terminal(file=io.StringIO(), width=400)
    console.print(tree)
    assert isinstance(console.file, io.StringIO)
    return [line.lstrip("│├└─ ").rstrip() for line in console.file.getvalue().splitlines()]


def test_a_trigger_shows_what_it_is_about_and_what_became_of_it() -> None:
    trigger = ExplainedTrigger("for each Ordered", ("once for a person",), (Occasion(AT, "fired", ORDER),))
    fired = (ShownFiring(AT, "m1", {"text": "Thanks"}, ORDER, {"genres": "a list of more than 1,000 members"}),)
    assert printed(ExplainedDefinition("trigger", "thanks", "p", AT, 3, trigger=trigger, fired=fired)) == [
        "thanks  profile p",
        f"as of {AT}, definitions of version 3",
        "fires for each Ordered; once for a person",
        f"{AT}  Ordered  web m1: fired",
        f'fired at {AT}, because of Ordered  web m1: {{"text":"Thanks"}}',
        "without genres: a list of more than 1,000 members",
    ]


def test_a_trigger_that_has_not_fired_says_why() -> None:
    about, begins = ExplainedTrigger("for each Ordered"), "each time that its condition begins to hold"
    waits = ExplainedTrigger(begins, (), (Occasion(AT, "waits for the end of quiet hours"),))
    assert printed(ExplainedDefinition("trigger", "t", "p", AT, 3, trigger=about))[-1] == (
        "It has not fired: there is no such event."
    )
    assert printed(ExplainedDefinition("trigger", "t", "p", AT, 3, trigger=waits))[-2:] == [
        f"holds since {AT}: waits for the end of quiet hours",
        "It has not fired.",
    ]


def test_a_calculated_trait_shows_what_it_reads() -> None:
    trait = ExplainedTrait("spent / orders", 110, AT, at_least=True, reads=(ReadTrait("spent", 220),))
    assert printed(ExplainedDefinition("trait", "per_order", "p", AT, 3, trait=trait))[2:] == [
        f"110  spent / orders  at least until {AT}",
        "spent  220",
    ]


def test_events_that_are_left_out_are_named_with_their_values_and_long_ones_cut() -> None:
    of = [ShownEvent(f"m{n}", "web", "track", "Ordered", AT, value) for n, value in enumerate(("80 EUR", "x" * 999))]
    trait = ExplainedTrait(
        "sum total of Ordered", 5, events=(ORDER,), counted=1, mistyped=tuple(of), mistyped_counted=4
    )
    assert printed(ExplainedDefinition("trait", "spent", "p", AT, 3, trait=trait))[2:] == [
        "5  sum total of Ordered",
        f"{AT}  Ordered  web m1",
        f'left out, of a wrong type: {AT}  Ordered: "80 EUR"  web m0',
        f'left out, of a wrong type: {AT}  Ordered: "{"x" * 199}...  web m1',
        "and 2 earlier events left out, of a wrong type",
    ]


def test_values_across_persons_are_shown_as_json_so_that_a_text_is_no_number() -> None:
    values = [ShownValue(value, 3, None, value == 1, None, None) for value in ("1", 1, "", None, "a\x1b[31m")]
    fired = [PastFiring(AT, value, {}) for value in ("1", 1, "", None)]
    assert lines_of(across_tree(ExplainedAcross("spike", AT, 2, "many", AT, tuple(values), tuple(fired)))) == [
        "spike  many",
        f"as of {AT}, definitions of version 2; evaluated up to {AT}",
        'no  "1"  3',
        "yes 1  3",
        'no  ""  3',
        "no  all  3",
        'no  "a\\u001b[31m"  3',
        f'fired at {AT} for "1": {{}}',
        f"fired at {AT} for 1: {{}}",
        f'fired at {AT} for "": {{}}',
        f"fired at {AT}: {{}}",
    ]
