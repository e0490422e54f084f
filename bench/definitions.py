"""What definitions cost PROFILE: µs per event and bytes of state with 20, 200 and 2,000 of them, without Kafka.

Of 200 definitions 100 are windowed segments, 20 sequences, 30 statistical traits and 50 read traits. `focused`: all are
about the few events of the shop, so that each event touches a tenth of them and more. `spread`: they are about as many
events and products as a company has that writes so many, so that an event touches few.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Iterator
from typing import NamedTuple

from bench.folds import BATCH, InMemory
from bench.scale import NAMESPACE, OwnSchemas
from bench.workload import WORKLOADS
from definitions import Definitions, Segment, compile_program
from definitions.model import (
    Aggregate,
    AllOf,
    Call,
    Case,
    Comparison,
    Condition,
    EventCount,
    EventMatcher,
    Field,
    Literally,
    Measure,
    Not,
    Operator,
    PropertyFilter,
    Rule,
    Sequence,
    Statistical,
    Step,
    Trait,
    TraitComparison,
    Window,
)
from identity.rules import DEFAULT_RULES
from runtime.clock import now_ms
from schemas.codec import Codec
from schemas.identity import default_profile_id, profile_key
from schemas.records import Event
from schemas.topics import EVENTS_RESOLVED
from settings import Workspace
from state.view import StateView
from streams.adoption import unchanging
from streams.agents.profile.stage import ProfileStage
from streams.phases import Received, Record, decode, fold

SIZES = (20, 200, 2_000)
HOUR, DAY = 3_600_000, 86_400_000
CALLS = (
    Call("page", "Kettles"),
    Call("track", "Product Viewed"),
    Call("track", "Product Added"),
    Call("track", "Order Completed"),
)
PRODUCTS = ("kettle-2", *(f"kettle-{number}" for number in range(3, 42)))


class Cost(NamedTuple):
    """Of one number of definitions: µs per event, and the bytes of the median and of the greatest state."""

    definitions: int
    us: float
    median_bytes: float
    greatest_bytes: int


def definitions_of(size: int, spread: bool) -> Definitions:
    """Make so many definitions."""
    segments: list[Segment] = []
    traits: list[Trait] = []
    for number in range(size):
        turn, round_ = number % 20, number // 20
        matcher = _matcher(number, spread)
        if turn < 10:
            segments.append(Segment(f"windowed {number}", _windowed(number, matcher)))
        elif turn < 12:
            segments.append(Segment(f"sequence {number}", _sequence(number, matcher, spread)))
        elif turn < 15:
            traits.append(Trait(f"statistical {round_ * 3 + turn - 12}", _statistical(number, matcher)))
        else:
            read = (f"statistical {round_ * 3 + turn % 3}",)
            if turn < 18:
                at_least = Comparison(Operator.GREATER_OR_EQUAL, 1 + round_ % 5)
                segments.append(Segment(f"of traits {number}", TraitComparison(read, (at_least,))))
            else:
                when = TraitComparison(read, (Comparison(Operator.GREATER_THAN, 3),))
                traits.append(Trait(f"rule {number}", Rule((Case(when, Literally("high")),), Literally("low"))))
    return Definitions(segments=tuple(segments), traits=tuple(traits))


def _matcher(number: int, spread: bool) -> EventMatcher:
    call = CALLS[number % len(CALLS)]
    if not spread:
        limit = Comparison(Operator.GREATER_THAN, 10 * (number // 8 % 10))
        return EventMatcher((call,), (PropertyFilter(("price",), (limit,)),) if number % 3 == 0 else ())
    if number % 10 < 5:
        product = Comparison(Operator.EQUALS, PRODUCTS[number // 20 % len(PRODUCTS)])
        return EventMatcher((call,), (PropertyFilter(("product_id",), (product,)),))
    return EventMatcher((call if number < 40 else Call("track", f"Campaign {number // 20} Opened"),))


def _windowed(number: int, matcher: EventMatcher) -> Condition:
    window = Window((HOUR, DAY, 7 * DAY, 30 * DAY)[number // 4 % 4])
    count = EventCount(matcher, window, 1 + number // 20 % 4)
    if number % 5 == 0:
        return AllOf((count, Not(EventCount(EventMatcher((CALLS[3],)), window))))
    return count


def _sequence(number: int, matcher: EventMatcher, spread: bool) -> Condition:
    then = Step(_matcher(number + 3, spread), HOUR * (1 + number // 20 % 4), absent=number % 2 == 0)
    return Sequence((Step(matcher), then), 7 * DAY)


def _statistical(number: int, matcher: EventMatcher) -> Statistical:
    measure = (Measure.COUNT, Measure.SUM, Measure.LAST_AT, Measure.DISTINCT, Measure.MAX)[number // 20 % 5]
    of = {Measure.COUNT: None, Measure.LAST_AT: None, Measure.DISTINCT: Field(("product_id",))}.get(
        measure, Field(("price",))
    )
    return Statistical(Aggregate(matcher, measure, of, Window(30 * DAY) if number // 20 % 3 == 0 else Window()))


def measure(size: int, spread: bool, events: int, people: int) -> Cost:
    """Fold events with so many definitions."""
    codec = Codec(OwnSchemas())
    program = compile_program(definitions_of(size, spread))
    workspaces = {"main": Workspace("main", NAMESPACE, clock="event")}
    stage = ProfileStage(workspaces, unchanging(program, workspaces), DEFAULT_RULES, codec)
    records, store = list(_records(codec, events, people)), InMemory()
    gc.collect()
    started = time.process_time()
    for start in range(0, len(records), BATCH):
        view, now = StateView(store), now_ms()
        fold(stage, decode(stage, Received(records[start : start + BATCH], {}, now)), view)
        store.write(view.changes, view.stored, start)
    us = (time.process_time() - started) / events * 1e6
    sizes = sorted(len(state or b"") for state in store.get_many(list({record.key or b"" for record in records})))
    return Cost(size, us, statistics.median(sizes), sizes[-1])


def _records(codec: Codec, events: int, people: int) -> Iterator[Record]:
    encode = codec.encoder(Event)
    for number, event in enumerate(WORKLOADS["shop"].events(events, people)):
        key = profile_key("main", default_profile_id(NAMESPACE, event.identifiers[0]))
        yield Record(EVENTS_RESOLVED, 0, number, key, encode(event))


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(prog="python -m bench.definitions", description=__doc__)
    arguments.add_argument("--events", type=int, default=30_000, help="events measured (default 30,000)")
    arguments.add_argument("--people", type=int, default=1_000, help="of so many people (default 1,000)")
    arguments.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of definitions")
    chosen = arguments.parse_args()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1_000)  # as the worker does
    for spread in (False, True):
        first: Cost | None = None
        for size in chosen.sizes:
            cost = measure(size, spread, chosen.events, chosen.people)
            first = first or cost
            what = f"{'spread' if spread else 'focused'}, {size:>5,} definitions"
            rate = f"{cost.us:.1f} us an event, {first.us / cost.us:.2f} of the first rate"
            bytes_ = f"a state has {cost.median_bytes:,.0f} bytes at the median, {cost.greatest_bytes:,} at most"
            print(f"{what}: {rate}; {bytes_}", flush=True)


if __name__ == "__main__":
    main()
