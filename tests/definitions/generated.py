"""Random definitions of every form, and random histories on which they can go either way.

All is drawn from one `random.Random`, so that a seed makes thousands of them quickly, and Hypothesis
(`st.randoms(use_true_random=False)`) finds the smallest one that fails. Few values of many kinds: equal and nearly
equal ones meet, and boundaries are hit to the millisecond.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from definitions.consent import ConsentRules, Purpose
from definitions.model import (
    RELATIVE,
    SESSION_FACTS,
    Aggregate,
    AggregateComparison,
    AllOf,
    AnyOf,
    Call,
    Case,
    Comparison,
    Condition,
    ConsentComparison,
    Definitions,
    EventCount,
    EventMatcher,
    Expression,
    Field,
    Function,
    InSegment,
    Literally,
    Measure,
    Not,
    Operator,
    Path,
    Period,
    PropertyFilter,
    Root,
    Rule,
    Sample,
    Scalar,
    Segment,
    SessionComparison,
    Statistical,
    Step,
    Trait,
    TraitComparison,
    TraitValue,
    Window,
)
from definitions.model import Sequence as EventSequence
from schemas.consent import Answer, Status
from schemas.records import EventType
from tests.definitions.naive.conditions import DAY_MS
from tests.definitions.naive.lives import Happened
from tests.definitions.naive.sessions import GAP_MS
from tests.definitions.naive.times import as_text

Item = TypeVar("Item")

BEGINNING = 1_700_000_000_000
TICKS = (1, 5, 6, 60_000, GAP_MS - 1, GAP_MS, GAP_MS + 1, 3_600_000, DAY_MS)
TYPES: tuple[EventType, ...] = ("track", "track", "track", "page", "identify", "screen")
NAMES = ("Buy", "View", "加入购物车")
KEYS = ("a", "b", "颜色", "it's.\"\\", "a.b")
SOURCES = ("web", "crm", "kafka")
PRIORITIES = {"crm": 5, "web": 1}

_FINE = (2**53 + 1, 2**53 + 2, 2**53 + 3, 2**53 + 4)  # of three doubles
HUGE_NUMBERS = (1e303, -1e303, 1.7e308)
BEYOND_64_BITS = 2**64
NUMBERS = (
    *(-1, 0, 1, 1.0, 2, 1.5, 0.1, 0.2, 2.675, 1 / 128, 1.5e-6, 10**12, 10**12 + 1, -(10**17), BEYOND_64_BITS),
    *_FINE,
    *HUGE_NUMBERS,
)
MOMENTS = tuple(as_text(BEGINNING + tick) for tick in (-DAY_MS, -1, 0, 1, GAP_MS, DAY_MS))
TIMES = (
    *MOMENTS,
    "2023-11-14",
    "2023-11-14T22:13",
    "2023-11-15 06:13:20.0019+08:00",
    "2023-11-14T22:13:20-0030",
    "2023-11-14T22:13:20Z",
    "2000-02-29",
    "1899-12-31T23:59:59.999Z",
)
NO_TIMES = (
    "2023-02-29",
    "2023-11-14T24:00",
    "2023-11-14T22:13:60Z",
    "20231114",
    "2023-11-14T22:13+24:00",
    "2023-11-14T",
)
PATTERNS = ("a", "^a", "a$", "1.|^$", "[北南]京", "北南?", "(?i)TRUE", "\\d{2,}", "^.$", "'|\\\\")
TEXTS = ("", "1", "a", "ab", "b", "true", "北京", "😀", 'it\'s \\ a "quote"\n', "18446744073709551616")
LONG_TEXTS = ("é" * 256, "é" * 257)
CONSENT = ConsentRules((Purpose("news"), Purpose("orders", default="opt_out")), ("email", "sms"))
STATUSES: tuple[Status, ...] = ("granted", "granted", "denied", "unknown")
ANSWERS: tuple[Answer, ...] = ("granted", "denied", "unknown", "allowed", "allowed")
_OF_ONE = (Operator.EQUALS, Operator.NOT_EQUALS, Operator.CONTAINS, Operator.NOT_CONTAINS)
_ORDERINGS = (Operator.GREATER_THAN, Operator.GREATER_OR_EQUAL, Operator.LESS_THAN, Operator.LESS_OR_EQUAL)
_OF_NOTHING = frozenset({Measure.COUNT, Measure.FIRST_AT, Measure.LAST_AT})
_ARGUMENTS = {
    "add": 2,
    "subtract": 2,
    "multiply": 2,
    "divide": 2,
    "negate": 1,
    "round": 2,
    "floor": 1,
    "min": 3,
    "max": 1,
    "coalesce": 3,
    "length": 1,
    "days_since": 1,
    "age": 1,
}


class Generator:
    """Makes definitions and histories. `ticks`: of which windows and the times between events are made."""

    def __init__(self, random: Random, ticks: Sequence[int] = TICKS) -> None:
        self._random = random
        self._ticks = ticks
        self._traits: list[str] = []
        self._segments: list[str] = []

    def definitions(self, size: int) -> Definitions:
        """Definitions that read those before them, `size` in all."""
        self._traits, self._segments = [], []
        traits: list[Trait] = []
        segments: list[Segment] = []
        for number in range(size):
            if self._happens(0.4):
                traits.append(Trait(f"t{number}", self._rule() if self._happens(0.3) else self._statistical()))
                self._traits.append(traits[-1].name)
            else:
                segments.append(Segment(f"s{number}", self.condition()))
                self._segments.append(segments[-1].name)
        return Definitions(segments=tuple(segments), traits=tuple(traits), consent=CONSENT)

    def history(self, longest: int = 14) -> list[Happened]:
        """Events of one profile in any order; of ten neighbours in time one pair is simultaneous."""
        at = BEGINNING
        events = []
        for number in range(self._random.randint(1, longest)):
            at += 0 if self._happens(0.1) else self._pick(self._ticks[:-1])
            events.append(self._event(at, number))
        self._random.shuffle(events)
        return events

    def moments(self, events: Sequence[Happened], count: int) -> list[int]:
        """Times at, between and after events at which what they do may begin or end."""
        return [
            self._pick(events).at + self._pick((-1, 0, 0, self._period(), self._period() - 1)) for _ in range(count)
        ]

    def condition(self, depth: int = 2) -> Condition:
        """A condition of any form."""
        if depth and self._happens(0.4):
            inner = tuple(self.condition(depth - 1) for _ in range(self._random.randint(1, 3)))
            group = AnyOf(inner) if self._happens(0.4) else AllOf(inner)
            return Not(inner[0]) if self._happens(0.3) else group
        leaves: list[Callable[[], Condition]] = [
            self._count,
            self._aggregate_comparison,
            self._aggregate_comparison,
            self._sequence,
            self._sequence,
            self._trait_comparison,
            self._session_comparison,
            lambda: Sample(self._pick((0, 300, 500, 1000)), self._pick(("", "盐"))),
            self._consent_comparison,
        ]
        if self._segments:
            leaves.append(lambda: InSegment(self._pick(self._segments)))
        return self._pick(leaves)()

    # What is counted

    def _count(self) -> Condition:
        is_of_sessions = self._happens(0.3)
        same = self._field() if self._happens(0.3) and not is_of_sessions else None
        at_least = self._pick((0, 1, 1, 2, 3)) if same is None else self._pick((1, 1, 2))
        at_most = self._pick((at_least, at_least + 1)) if self._happens(0.3) else None
        is_open = same is None and at_most is not None and self._happens(0.5)
        events, window = self._sessions() if is_of_sessions else (self._matcher(), self._window())
        return EventCount(events, window, None if is_open else at_least, at_most, same)

    def _aggregate_comparison(self) -> Condition:
        return AggregateComparison(self._aggregate(), self._comparisons(relative=True))

    def _aggregate(self) -> Aggregate:
        if self._happens(0.1):
            return Aggregate(self._sessions()[0], self._pick(sorted(_OF_NOTHING)), None, self._sessions()[1])
        measure = self._pick(tuple(Measure))
        of = None if measure in _OF_NOTHING and self._happens(0.6) else self._field()
        return Aggregate(self._matcher(), measure, of, Window() if measure is Measure.UNION else self._window())

    def _sequence(self) -> Condition:
        steps = [Step(self._matcher())]
        for _ in range(self._pick((1, 1, 2))):
            without = self._matcher() if self._happens(0.3) else None
            steps.append(Step(self._matcher(), None if self._happens(0.2) else self._period(), without))
        if self._happens(0.4):
            steps[-1] = Step(self._matcher(), self._period(), absent=True)
        same = self._field() if self._happens(0.3) else None
        return EventSequence(tuple(steps), self._pick((self._period(), 3 * DAY_MS)), self._pick((1, 1, 1, 2)), same)

    def _sessions(self) -> tuple[EventMatcher, Window]:
        return EventMatcher(sessions=True), Window(self._period() if self._happens(0.6) else None)

    def _matcher(self) -> EventMatcher:
        calls = tuple(self._call() for _ in range(self._pick((0, 1, 1, 2))))
        filters = (self._filter(),) if self._happens(0.15) else ()
        return EventMatcher(calls, filters, self._occurred() if self._happens(0.05) else Period())

    def _occurred(self) -> Period:
        since, before = (BEGINNING + self._period() if self._happens(0.6) else None for _ in range(2))
        return Period(since, before)

    def _call(self) -> Call:
        return (
            Call(self._pick((None, *TYPES)), None) if self._happens(0.4) else Call(self._pick(TYPES), self._pick(NAMES))
        )

    def _filter(self) -> PropertyFilter:
        return PropertyFilter(self._path(), self._comparisons(relative=False), self._root())

    def _field(self) -> Field:
        return Field(self._path(), self._root())

    def _root(self) -> Root:
        return self._pick(("traits", "context")) if self._happens(0.15) else "properties"

    def _path(self) -> Path:
        return tuple(self._key() for _ in range(2 if self._happens(0.1) else 1))

    def _key(self) -> str:
        return "a" if self._happens(0.6) else self._pick(KEYS)

    def _window(self) -> Window:
        ms = self._period() if self._happens(0.6) else None
        return Window(ms, session=self._happens(0.2))

    def _period(self) -> int:
        return sum(self._pick(self._ticks) for _ in range(self._pick((1, 1, 2))))

    # What is compared

    def _trait_comparison(self) -> Condition:
        return TraitComparison(self._trait_path(), self._comparisons(relative=True))

    def _trait_path(self) -> Path:
        if self._traits and self._happens(0.7):
            return (self._pick(self._traits),)
        return self._path()

    def _session_comparison(self) -> Condition:
        fact = self._pick((*SESSION_FACTS, "source", "source", "entry_page"))
        comparisons = (Comparison(self._pick((Operator.EQUALS, Operator.NOT_EQUALS)), self._pick(("google", "百度"))),)
        if self._happens(0.3):
            comparisons = (Comparison(Operator.EXISTS, self._happens(0.5)),)
        return SessionComparison(self._pick(("current", "first", "last")), fact, comparisons)

    def _consent_comparison(self) -> Condition:
        return ConsentComparison(
            self._pick(("news", "orders")), self._pick(("", "email", "email", "sms")), self._pick(ANSWERS)
        )

    def _comparisons(self, relative: bool) -> tuple[Comparison, ...]:
        return tuple(self._comparison(relative) for _ in range(self._pick((1, 1, 2))))

    def _comparison(self, relative: bool) -> Comparison:
        makers: list[Callable[[], Comparison]] = [
            lambda: Comparison(self._pick(_OF_ONE), self._scalar()),
            lambda: Comparison(self._pick(_ORDERINGS), self._pick(NUMBERS)),
            lambda: Comparison(self._pick(_ORDERINGS), self._pick(NUMBERS)),
            lambda: Comparison(
                self._pick((Operator.IN, Operator.NOT_IN, Operator.CONTAINS_ANY)),
                tuple(self._scalar() for _ in range(2)),
            ),
            lambda: Comparison(Operator.STARTS_WITH, self._pick(("a", "1", "2023-", "北"))),
            lambda: Comparison(Operator.ENDS_WITH, self._pick(("a", "1", ".5", "京"))),
            lambda: Comparison(Operator.MATCHES, self._pick(PATTERNS)),
            lambda: Comparison(Operator.EXISTS, self._happens(0.5)),
            lambda: Comparison(self._pick((Operator.BEFORE, Operator.AFTER)), BEGINNING + self._period()),
        ]
        if relative:
            makers.append(lambda: Comparison(self._pick(sorted(RELATIVE)), self._period()))
        return self._pick(makers)()

    # Traits

    def _statistical(self) -> Statistical:
        return Statistical(self._aggregate())

    def _rule(self) -> Rule:
        cases = tuple(Case(self.condition(1), self._expression(2)) for _ in range(self._pick((0, 1, 2))))
        return Rule(cases, self._expression(2) if self._happens(0.7) or not cases else None)

    def _expression(self, depth: int) -> Expression:
        if not depth or self._happens(0.3):
            return TraitValue(self._trait_path()) if self._happens(0.7) else Literally(self._scalar())
        name = self._pick(tuple(_ARGUMENTS))
        inner = [self._expression(depth - 1) for _ in range(3)]
        if name == "round":
            return Function(name, (inner[0], Literally(self._pick((-1, 0, 2)))))
        return Function(name, tuple(inner[: _ARGUMENTS[name]]))

    # Events

    def _event(self, at: int, number: int) -> Happened:
        event_type = self._pick(TYPES)
        return Happened(
            at,
            event_type,
            None if event_type == "identify" else self._pick((None, *NAMES, *NAMES)),
            self._object(),
            self._object() if event_type == "identify" else {},
            self._context(),
            self._random.randint(0, 1),
            f"m{number:02}",
            self._pick(SOURCES),
            self._pick(((), (), ("a",), ("a", "b"))),
        )

    def _context(self) -> dict[str, object]:
        context = self._object() if self._happens(0.2) else {}
        if self._happens(0.5):
            facts = {fact: self._pick(("", "google", "百度", "é" * 250)) for fact in ("source", "campaign", "page")}
            context["facts"] = {fact: text for fact, text in facts.items() if text or self._happens(0.1)}
        if self._happens(0.4):
            context["consent"] = {"purposes": {self._pick(("news", "news", "orders", "all")): self._said()}}
        return context

    def _said(self) -> object:
        if self._happens(0.3):
            return self._pick(STATUSES)
        return {self._pick(("email", "email", "sms", "all")): self._pick(STATUSES) for _ in range(2)}

    def _object(self, depth: int = 1) -> dict[str, object]:
        return {self._key(): self._value(depth) for _ in range(self._random.randint(0, 3))}

    def _value(self, depth: int) -> object:
        if self._happens(0.75):
            scalar = self._scalar()
            # Of an object that is read as a whole, SQL takes it for a text (decision 38).
            return 2**53 + 1 if scalar == BEYOND_64_BITS and not depth else scalar
        inner = [None if self._happens(0.2) else self._listed() for _ in range(self._random.randint(0, 2))]
        return self._pick((None, inner, self._object(depth - 1) if depth else {}))

    def _listed(self) -> object:
        return self._pick((1, 1.0, "1", "a", True, "北京", -0.0, 2**53 + 1, "é" * 257, ["a"], {"a": 1}))

    def _scalar(self) -> Scalar:
        kinds: tuple[Sequence[Scalar], ...] = (
            NUMBERS[:5],
            NUMBERS,
            TEXTS[:5],
            TEXTS,
            LONG_TEXTS,
            (*TIMES, *NO_TIMES),
            (False, True),
        )
        return self._pick(self._pick(kinds))

    def _happens(self, probability: float) -> bool:
        return self._random.random() < probability

    def _pick(self, items: Sequence[Item]) -> Item:
        return items[self._random.randrange(len(items))]
