"""How long people wait for the warehouse: the questions of analysts and of whoever looks at a person, in two layouts.

`python -m bench.warehouse` makes events of 90 days inside of ClickHouse: in the tables that the migrations create, and
in one that is sorted by message id and whose view joins every event with every identifier, as Onefold had it. Each
question is asked several times, within MOST_BYTES of memory; the first table shows the quickest answer and the ratio
of both. The second shows how the questions about one person and one hour grow with the number of events.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.table import Table

from bench.warehouse.generated import DAYS, fill, make_before
from bench.warehouse.questions import look_ups, questions
from embedded.layout import Ports
from embedded.stack import Stack, StackOptions
from embedded.terminal import results
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
            results().print(compared(warehouse, not arguments.only_now))
    if arguments.growth:
        results().print(grown(arguments.growth))


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
    """Ask everything, in turn. Raises RuntimeError when the layouts answer differently."""
    table = Table("question", "before, ms", "now, ms", "ratio", "wanted, ms")
    for question in questions():
        now = quickest_ms(lambda question=question: warehouse.rows(question.now + _BOUND))  # type: ignore[misc]
        before = None
        if with_before:
            before = quickest_ms(lambda question=question: warehouse.rows(question.before))  # type: ignore[misc]
            if warehouse.rows(question.now) != warehouse.rows(question.before):
                raise RuntimeError(f"the layouts differ: {question.what}")
        table.add_row(question.what, _shown(before), _shown(now), f"{before / now:.1f}" if before else "",
                      _shown(question.wanted_ms))  # fmt: skip
    for look_up in look_ups():
        taken = quickest_ms(lambda look_up=look_up: look_up.ask(warehouse))  # type: ignore[misc]
        table.add_row(look_up.what, "", _shown(taken), "", _shown(look_up.wanted_ms))
    return table


def grown(sizes: Sequence[int]) -> Table:
    """Ask what should not depend on the number of events, of several numbers of them."""
    taken: dict[str, list[float]] = {}
    for events in sizes:
        with filled(events, with_before=False) as warehouse:
            for question in questions():
                if not question.grows:
                    query = question.now + _BOUND
                    ms = quickest_ms(lambda query=query, warehouse=warehouse: warehouse.rows(query))  # type: ignore[misc]
                    taken.setdefault(question.what, []).append(ms)
            for look_up in look_ups():
                ms = quickest_ms(lambda look_up=look_up, warehouse=warehouse: look_up.ask(warehouse))  # type: ignore[misc]
                taken.setdefault(look_up.what, []).append(ms)
    table = Table("question, ms", *(f"{events:,} events" for events in sizes), "last over first")
    for what, answers in taken.items():
        table.add_row(what, *map(_shown, answers), f"{answers[-1] / answers[0]:.2f}")
    return table


def quickest_ms(ask: Callable[[], object]) -> float:
    """The quickest of several answers."""
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
