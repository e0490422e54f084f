"""A plan of changed rules in figures and examples, as JSON and as a tree. Making the plan is `identity.plan`'s."""

from collections.abc import Sequence

import msgspec
from rich.text import Text
from rich.tree import Tree

from api.outcomes import RequestOutcome
from definitions.streaming.times import text_of
from identity.plan.differences import PersonChange, RulesPlan, Tie
from onefold.wording import count, in_words
from runtime.literal import literal
from schemas.records import Identifier

_SHOWN = 10


class PlanSummary(msgspec.Struct, frozen=True):
    """What is printed: the plan without its requests, and how many those are."""

    rule_version: str
    merges: int
    unmerges: int
    identifiers: int
    profiles: int
    unchanged_profiles: int
    merge_examples: tuple[PersonChange, ...]
    unmerge_examples: tuple[PersonChange, ...]
    largest: tuple[tuple[Identifier, ...], ...]
    newly_shared: tuple[Identifier, ...]
    stay_shared: tuple[Identifier, ...]
    uncertain: int
    retract: int
    link: int
    applied: RequestOutcome | None = None


def summarise(plan: RulesPlan, profiles: int, examples: int) -> PlanSummary:
    """Return the summary of a plan for a workspace of so many profiles, with so many examples of each kind."""
    return PlanSummary(
        plan.rule_version,
        len(plan.merges),
        len(plan.unmerges),
        plan.identifiers,
        plan.profiles,
        max(0, profiles - plan.profiles),
        plan.merges[:examples],
        plan.unmerges[:examples],
        plan.largest[:examples],
        plan.newly_shared,
        plan.stay_shared,
        len(plan.uncertain),
        len(plan.requests.retract),
        len(plan.requests.link),
    )


def merges_text(summary: PlanSummary) -> str:
    """Say how many persons would come of several profiles."""
    return f"{count(summary.merges, 'person')} of several profiles"


def unmerges_text(summary: PlanSummary) -> str:
    """Say how many profiles would come to be several persons."""
    return f"{count(summary.unmerges, 'profile')} in several persons"


def summary_tree(summary: PlanSummary) -> Tree:
    """Return the summary as a tree for a terminal."""
    tree = Tree(Text(f"Rules {summary.rule_version}", style="bold"))
    if not (summary.retract or summary.link):
        tree.add(f"Nothing to change: {count(summary.unchanged_profiles, 'profile')} as under these rules")
        _add_shared(tree, summary)
        return tree
    tree.add(f"{merges_text(summary)}, {unmerges_text(summary)}")
    tree.add(
        f"{count(summary.identifiers, 'identifier')} would come to another profile;"
        f" {count(summary.profiles, 'profile')} concerned, {summary.unchanged_profiles:,} unchanged"
    )
    for title, changes in (
        ("Would become one", summary.merge_examples),
        ("Would be unmerged", summary.unmerge_examples),
    ):
        if changes:
            node = tree.add(Text(title, style="bold"))
            for change in changes:
                _add_change(node, change)
    if summary.largest:
        node = tree.add(Text("Largest new persons", style="bold"))
        for person in summary.largest:
            node.add(f"{count(len(person), 'identifier')}: {_person(person)}")
    _add_shared(tree, summary)
    if summary.uncertain:
        tree.add(
            Text(f"{count(summary.uncertain, 'identifier')} may need a second plan after this one", style="yellow")
        )
    tree.add(f"--apply takes {count(summary.retract, 'pair')} back, then shows {count(summary.link, 'pair')} again")
    return tree


def _add_shared(tree: Tree, summary: PlanSummary) -> None:
    for devices, words in (
        (summary.newly_shared, "would be found shared"),
        (summary.stay_shared, "would not be found shared under these rules, but were, and stay so"),
    ):
        if devices:
            tree.add(f"{count(len(devices), 'device')} {words}: {_person(devices)}")


def _add_change(tree: Tree, change: PersonChange) -> None:
    node = tree.add(Text(literal(" + ".join(change.profiles[:_SHOWN])) or "no profile yet"))
    for person in change.persons[:_SHOWN]:
        node.add(Text(_person(person), style="cyan"))
    for tie in change.ties:
        node.add(Text(_tie(tie)))


def _person(person: Sequence[Identifier]) -> str:
    more = f" and {len(person) - _SHOWN:,} more" if len(person) > _SHOWN else ""
    return literal(", ".join(map(str, person[:_SHOWN])) + more)


def _tie(tie: Tie) -> str:
    occurred_at = text_of(tie.occurred_at)
    words = literal(f"{tie.left} + {tie.right}  message {tie.message_id} of {occurred_at} from {tie.source}")
    return f"{words}: {in_words(tie.reason)}" if tie.reason else words
