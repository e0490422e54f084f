"""How long people wait for the warehouse: the questions of analysts and of whoever looks at a person, in two layouts.

`python -m bench.warehouse` makes events of 90 days inside of ClickHouse: in the tables that the migrations create, and
in one that is sorted by message id and whose view joins every event with every identifier, as Onefold had it. Each
question is asked several times, within MOST_BYTES of memory; the first table shows the quickest answer, the ratio of
both, and the answer after maintenance. The second shows how the questions about one person and one hour grow with the
number of events.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.table import Table

from bench.warehouse.generated import DAYS, fill, make_before
from bench.warehouse.maintained import maintain
from bench.warehouse.questions import look_ups, questions
from embedded.layout import Ports
from embedded.stack import Stack, StackOptions
from embedded.terminal import Terminal
from warehouse.client import Warehouse
from warehouse.migrate import migrate

ATTEMPTS = 3
MOST_BYTES = 2_000_000_000
SIZES = (1_000_000, 10_000_000, 30_000_000)
_PEOPLE_EACH = 10  # events
_BOUND = f" SETTINGS max_memory_usage = {MOST_BYTES}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000, help="of the first table; 0: leave it out")
    parser.add_argument("--growth", type=int, nargs="*", default=SIZES, metavar="EVENTS", help="of the second table")
    parser.add_argument("--only-now", action="store_true", help="without the layout of before")
    arguments = parser.parse_args()
    if arguments.events:
        with filled(arguments.events, not arguments.only_now) as warehouse:
            Terminal().print(compared(warehouse, not arguments.only_now))
    if arguments.growth:
        Terminal().print(grown(arguments.growth))


@contextmanager
def filled(events: int, with_before: bool) -> Iterator[Warehouse]:
    """Yield a warehouse of its own with so many events, and say how long it took to write them."""
    people = max(events // _PEOPLE_EACH, 10_000)
    with tempfile.TemporaryDirectory(prefix="onefold-bench-") as folder:
        options = StackOptions(data_dir=Path(folder), ports=Ports.free(), processes=("clickhouse",))
        with Stack(options) as stack, Warehouse(stack.addresses.clickhouse, answer_timeout_s=None) as warehouse:
            migrate(warehouse)
            if with_before:
                make_before(warehouse)
            started = time.monotonic()
            fill(warehouse, events, people, with_before)
            made = f"{events:,} events of {people:,} people, a fifth of them merged once, over {DAYS} days"
            print(f"{made}; written in {time.monotonic() - started:.0f} s")
            yield warehouse


def compared(warehouse: Warehouse, with_before: bool) -> Table:
    """Ask everything, in turn. Raises RuntimeError when the layouts answer differently, or maintenance changes it."""
    columns: list[list[float | None]] = [[], [], []]
    answers = [warehouse.rows(question.now) for question in questions()]
    for question, answer in zip(questions(), answers, strict=True):
        before = None
        if with_before:
            before = asked(warehouse, question.before)
            if answer != warehouse.rows(question.before):
                raise RuntimeError(f"the layouts differ: {question.what}")
        columns[0].append(before)
        columns[1].append(asked(warehouse, question.now + _BOUND))
    columns[0] += [None] * len(look_ups())
    columns[1] += [quickest_ms(partial(look_up.ask, warehouse)) for look_up in look_ups()]
    maintain(warehouse)
    columns[2] += [asked(warehouse, question.now + _BOUND) for question in questions()]
    columns[2] += [quickest_ms(partial(look_up.ask, warehouse)) for look_up in look_ups()]
    if answers != [warehouse.rows(question.now) for question in questions()]:
        raise RuntimeError("maintenance changes answers")
    table = Table("question", "before, ms", "now, ms", "ratio", "maintained, ms", "wanted, ms")
    for question, before, now, maintained in zip([*questions(), *look_ups()], *columns, strict=True):
        ratio = f"{before / now:.1f}" if before and now else ""
        table.add_row(question.what, *map(_shown, (before, now)), ratio, *map(_shown, (maintained, question.wanted_ms)))
    return table


def grown(sizes: Sequence[int]) -> Table:
    """Ask what should not depend on the number of events, of several numbers of them, before and after maintenance."""
    taken: dict[str, list[float]] = {}
    for events in sizes:
        with filled(events, with_before=False) as warehouse:
            _ask_of_few(warehouse, "", taken)
            maintain(warehouse)
            _ask_of_few(warehouse, ", maintained", taken)
    table = Table("question, ms", *(f"{events:,} events" for events in sizes), "last over first")
    for what, answers in taken.items():
        table.add_row(what, *map(_shown, answers), f"{answers[-1] / answers[0]:.2f}")
    return table


def _ask_of_few(warehouse: Warehouse, state: str, taken: dict[str, list[float]]) -> None:
    for question in questions():
        if not question.grows:
            taken.setdefault(question.what + state, []).append(asked(warehouse, question.now + _BOUND))
    for look_up in look_ups():
        taken.setdefault(look_up.what + state, []).append(quickest_ms(partial(look_up.ask, warehouse)))


def asked(warehouse: Warehouse, query: str) -> float:
    """Return the quickest of several answers to a query, in ms."""
    return quickest_ms(partial(warehouse.rows, query))


def quickest_ms(ask: Callable[[], object]) -> float:
    """Return the quickest of several answers, in ms."""
    taken = []
    for _ in range(ATTEMPTS):
        started = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - started)
    return min(taken) * 1_000


def _shown(ms: float | None) -> str:
    return "" if ms is None else f"{ms:,.0f}"


if __name__ == "__main__":
    main()
