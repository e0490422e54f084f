"""`make bench-identity`: how good and how fast identity is. One table.

Exits with 1 if a figure that is asked is missed. Data is read from ../shared/data; the unmerge has its own stack.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from rich.table import Table

from bench.identity import records, taobao, unmerge
from bench.identity.accuracy import Accuracy, accuracy
from bench.identity.stages import WhoIsWho
from embedded.layout import Ports
from embedded.screen import screen_for
from embedded.stack import Stack, StackOptions
from embedded.terminal import Terminal
from identity.rules import DEFAULT_RULES, IdentityRules
from onefold.examples import SHOP

SEED = 1
ROLE_ADDRESS = "info@ca-state.gov"  # 21 of the records of the Senzing set share it


class Row(NamedTuple):
    """A line of the table. `failed`: it misses what is asked."""

    what: str
    accuracy: Accuracy | None
    remark: str
    failed: bool = False


def main() -> int:
    """Measure and print."""
    arguments = argparse.ArgumentParser(prog="python -m bench.identity", description=__doc__)
    arguments.add_argument("--only", choices=PASSES, nargs="+", default=list(PASSES), help="some of the passes")
    arguments.add_argument("--errors", action="store_true", help="list the pairs of records that are wrong or missed")
    chosen = arguments.parse_args()
    console = Terminal()
    table = Table("what", "precision", "recall", "remarks")
    missed = False
    for name in chosen.only:
        console.print(f"measuring: {name}", style="dim")
        for row in PASSES[name](console):
            ratios = ("", "") if row.accuracy is None else (row.accuracy.precision, row.accuracy.recall)
            shown = [f"{ratio:.3f}" if isinstance(ratio, float) else ratio for ratio in ratios]
            table.add_row(row.what, *shown, row.remark, style="red" if row.failed else None)
            missed = missed or row.failed
    console.print(table)
    if chosen.errors:
        _list_errors(console)
    return int(missed)


def _devices(_: Terminal) -> Iterator[Row]:
    """Taobao, in the order of time, and with partitions of `events` that go on in random order."""
    made = taobao.household(taobao.actions(taobao.FILE), Random(SEED))
    anonymous = [one for one in made.done if one.event.identifiers[0].namespace != "user_id"]
    for how, random in (("in order of time", None), ("partitions shuffled", Random(SEED))):
        who = WhoIsWho(DEFAULT_RULES, random=random)
        who.run(one.event for one in made.done)
        found = accuracy((who.person_of(one.event), made.truth(one.event)) for one in made.done)
        credited = [(who.person_of(one.event), one.user) for one in anonymous]
        to_person = sum(person.namespace == "user_id" for person, _ in credited)
        strangers = sum(person.namespace == "user_id" and person.value != user for person, user in credited)
        kinds = who.kinds()
        remark = (
            f"{len(made.done):,} events, {len(made.done) - len(anonymous):,} of them sign-ins, of "
            f"{len({one.user for one in made.done}):,} users on {len(made.users_of):,} devices, "
            f"{sum(map(made.is_shared, made.users_of)):,} shared; {kinds['merged']:,} merges, "
            f"{kinds['shared']:,} devices found shared, {kinds['unmerged']:,} other unmerges; of {len(anonymous):,} "
            f"anonymous events {to_person:,} credited to a person, {strangers:,} of them to another than who did it"
        )
        yield Row(f"Taobao, {how}", found, remark, failed=not found.is_exact or strangers > 0)


def _labelled(_: Terminal) -> Iterator[Row]:
    """Records with labels under exact rules."""
    rules = records.exact_rules()
    without_role = records.exact_rules(frozenset({ROLE_ADDRESS}))
    yield _compared("Senzing, exact e-mail and phone, no limits", records.senzing(), rules)
    yield _compared(f"the same, {ROLE_ADDRESS} blocked", records.senzing(), without_role)
    yield _compared("fake_1000, exact e-mail, no limits", records.fake_1000(), rules)


def _compared(what: str, labelled: list[records.LabelledRecord], rules: IdentityRules) -> Row:
    found = records.compare(labelled, rules)
    pairs = found.accuracy
    remark = f"{len(labelled):,} records; of {pairs.true:,} pairs {pairs.right:,} found; {pairs.said:,} said"
    return Row(what, pairs, remark)


def _unmerge(console: Terminal) -> Iterator[Row]:
    """A big profile unmerged on the running stack."""
    with tempfile.TemporaryDirectory(prefix="onefold-bench-") as folder:
        options = StackOptions(data_dir=Path(folder), definitions=SHOP, ports=Ports.free())
        with Stack(options, screen_for(console)) as stack:
            for run in range(unmerge.RUNS):
                took = unmerge.measure(stack, run)
                remark = (
                    f"{took.seconds:.1f} s to `rebuilt` (asked: {unmerge.ASKED_S:.0f} s), of which the "
                    f"rebuilder {took.rebuilder_s:.1f} s; the warehouse right after {took.visible_s:.1f} s; "
                    f"{took.stayed:,} events stayed, {took.taken_out:,} went, of {unmerge.EVENTS:,}"
                )
                what = f"unmerge of {unmerge.IDENTIFIERS} identifiers, {unmerge.EVENTS:,} events, run {run + 1}"
                yield Row(what, None, remark, failed=took.seconds >= unmerge.ASKED_S)


def _list_errors(console: Terminal) -> None:
    for what, labelled in (("Senzing", records.senzing()), ("fake_1000", records.fake_1000())):
        found = records.compare(labelled, records.exact_rules())
        for how, pairs in (("wrong", found.wrong), ("missed", found.missed)):
            for left, right in pairs:
                shown = " | ".join(f"{one.record_id} {one.email or '-'} {one.phone or '-'}" for one in (left, right))
                console.print(f"{what}, {how}: {shown}", soft_wrap=True)


PASSES: dict[str, Callable[[Terminal], Iterator[Row]]] = {
    "devices": _devices,
    "labelled": _labelled,
    "unmerge": _unmerge,
}


if __name__ == "__main__":
    sys.exit(main())
