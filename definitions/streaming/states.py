"""The states of accumulators: commutative, associative monoids that are bounded by their accumulator; no clock.

`add` and `unite` change a state in place. `trim` may be called at any time or never: it drops what nobody can ask for
any more. Which events are added, and what is read of a state, is left to others. SQL makes the same states by the
functions `newest_of`, `total_of` and `values_of`.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias, TypeVar

import msgspec

from definitions.model import SESSION_GAP_MS, Scalar
from definitions.plan.accumulators import MAX_DISTINCT, Accumulator
from definitions.streaming.scalars import is_number, json_text, rank_of_text

MAX_ORDER_LENGTH = 128
"""Of a message id, which orders two events that nothing else does, so many characters count."""
MAX_SUMMAND = 10**12
"""A number beyond it, or beyond its negative, is no value for a sum."""
_MILLION = 1e6
_Number = TypeVar("_Number", int, float)
_LONG_AGO = -(2**62)
_WORD = 2**62  # msgpack has integers of 64 bits


class EventOrder(NamedTuple):
    """Where an event lies in the total order."""

    occurred_at: int
    ordinal: int = 0
    message_id: str = ""


Scalars: TypeAlias = Scalar | tuple[Scalar, ...]
"""What an accumulator keeps of an event: a value, or all members of a list."""

Entry: TypeAlias = tuple[int, int, str, Scalar | None]
"""One event: what orders it, and its value."""


class State(msgspec.Struct, array_like=True, gc=False):
    """What an accumulator keeps of a profile's events."""

    def add(self, order: EventOrder, value: Scalars | None) -> None:
        """Take in one event; `value` is set where the accumulator has an `of`: a number where it says `numbers`.

        It is a tuple of distinct values where members are kept, and nowhere else.
        """
        raise NotImplementedError

    def trim(self, accumulator: Accumulator, as_of: int) -> bool:  # noqa: ARG002 - a state's signature
        """Drop what no reader of the accumulator can ask for at `as_of` or later; return whether anything is left.

        A total never forgets.
        """
        return True


class Times(State, tag=0):
    """newest, of neither values nor an order: the times, oldest first."""

    times: list[int] = []

    def add(self, order: EventOrder, value: Scalars | None) -> None:  # noqa: ARG002 - a state's signature
        times = self.times
        if not times or order.occurred_at >= times[-1]:
            times.append(order.occurred_at)
        else:
            insort(times, order.occurred_at)

    def unite(self, other: "Times") -> None:
        self.times = sorted(self.times + other.times)

    def trim(self, accumulator: Accumulator, as_of: int) -> bool:
        times = self.times
        surplus = len(times) - accumulator.keep
        if surplus > 0:
            del times[:surplus]
        if accumulator.retain_ms is not None and times and times[0] <= as_of - accumulator.retain_ms:
            del times[: bisect_right(times, as_of - accumulator.retain_ms)]
        return bool(times)


class Newest(State, tag=1):
    """newest, with what orders them and values: the events, oldest first."""

    entries: list[Entry] = []

    @property
    def times(self) -> list[int]:
        """The times of the events, oldest first."""
        return [entry[0] for entry in self.entries]

    def add(self, order: EventOrder, value: Scalars | None) -> None:
        entries, entry = self.entries, _entry(order, value)
        if not entries or entry[0] > entries[-1][0] or _order(entry) >= _order(entries[-1]):
            entries.append(entry)
        else:
            insort(entries, entry, key=_order)

    def unite(self, other: "Newest") -> None:
        self.entries = sorted(self.entries + other.entries, key=_order)

    def trim(self, accumulator: Accumulator, as_of: int) -> bool:
        entries = self.entries
        surplus = len(entries) - accumulator.keep
        if surplus > 0:
            del entries[:surplus]
        if accumulator.retain_ms is not None and entries and entries[0][0] <= as_of - accumulator.retain_ms:
            del entries[: bisect_right(entries, as_of - accumulator.retain_ms, key=_time)]
        return bool(entries)


class Calls(State, tag=2):
    """total, of no values: number, first and last time."""

    number: int = 0
    first_at: int | None = None
    last_at: int | None = None

    def add(self, order: EventOrder, value: Scalars | None) -> None:  # noqa: ARG002 - a state's signature
        time = order.occurred_at
        self.number += 1
        if self.first_at is None or time < self.first_at:
            self.first_at = time
        if self.last_at is None or time > self.last_at:
            self.last_at = time

    def unite(self, other: "Calls") -> None:
        self.number += other.number
        self.first_at = _least(self.first_at, other.first_at)
        self.last_at = _greatest(self.last_at, other.last_at)


class Numbers(State, tag=3):
    """total, of numbers: how many count for the sum, the sum in millionths (in words of 62 bits), least, greatest."""

    number: int = 0
    low: int = 0
    high: int = 0
    least: int | float | None = None
    greatest: int | float | None = None

    @property
    def millionths(self) -> int:
        """The exact sum of all numbers, each rounded to millionths."""
        return self.high * _WORD + self.low

    def add(self, order: EventOrder, value: Scalars | None) -> None:  # noqa: ARG002 - a state's signature
        assert is_number(value)
        if -MAX_SUMMAND <= value <= MAX_SUMMAND:
            self.number += 1
            self._sum(millionths(value))
        if self.least is None or value < self.least:
            self.least = value
        if self.greatest is None or value > self.greatest:
            self.greatest = value

    def unite(self, other: "Numbers") -> None:
        self.number += other.number
        self._sum(other.millionths)
        self.least = _least(self.least, other.least)
        self.greatest = _greatest(self.greatest, other.greatest)

    def _sum(self, addend: int) -> None:
        low = self.low + addend
        if 0 <= low < _WORD:  # nearly always
            self.low = low
        else:
            self.high, self.low = divmod(self.millionths + addend, _WORD)


class Ends(State, tag=4):
    """total, of values: number, and the first and the last event in the total order."""

    number: int = 0
    first: Entry | None = None
    last: Entry | None = None

    def add(self, order: EventOrder, value: Scalars | None) -> None:
        self.number += 1
        self._reach(_entry(order, value))

    def unite(self, other: "Ends") -> None:
        self.number += other.number
        for entry in (other.first, other.last):
            if entry is not None:
                self._reach(entry)

    def _reach(self, entry: Entry) -> None:
        if self.first is None or _order(entry) < _order(self.first):
            self.first = entry
        if self.last is None or _order(entry) > _order(self.last):
            self.last = entry


class Values(State, tag=5):
    """values and members: how often each occurred, by its JSON text.

    The values that come first in their order are kept. One that is kept at the end was kept from its first event on,
    so its number is exact.
    """

    counts: dict[str, int] = {}

    def add(self, order: EventOrder, value: Scalars | None) -> None:  # noqa: ARG002 - a state's signature
        assert value is not None
        for each in value if isinstance(value, tuple) else (value,):
            text = json_text(each)
            self.counts[text] = self.counts.get(text, 0) + 1
        self._bound()

    def unite(self, other: "Values") -> None:
        for text, count in other.counts.items():
            self.counts[text] = self.counts.get(text, 0) + count
        self._bound()

    def _bound(self) -> None:
        if len(self.counts) > MAX_DISTINCT:
            for text in sorted(self.counts, key=rank_of_text)[MAX_DISTINCT:]:
                del self.counts[text]


class Spans(State, tag=6):
    """sessions: when each began and ended, oldest first. Any two lie at least the gap of a session apart.

    The first one may have begun at any time before all windows.
    """

    spans: list[tuple[int, int]] = []

    @property
    def times(self) -> list[int]:
        """When the sessions began, oldest first."""
        return [began_at for began_at, _ in self.spans]

    def add(self, order: EventOrder, value: Scalars | None) -> None:  # noqa: ARG002 - a state's signature
        time, spans = order.occurred_at, self.spans
        if spans and spans[-1][0] <= time < spans[-1][1] + SESSION_GAP_MS:
            spans[-1] = (spans[-1][0], max(time, spans[-1][1]))
        else:
            self.unite(Spans([(time, time)]))

    def unite(self, other: "Spans") -> None:
        united: list[tuple[int, int]] = []
        for began_at, ended_at in sorted(self.spans + other.spans):
            if united and began_at < united[-1][1] + SESSION_GAP_MS:
                united[-1] = (united[-1][0], max(ended_at, united[-1][1]))
            else:
                united.append((began_at, ended_at))
        self.spans = united

    def trim(self, accumulator: Accumulator, as_of: int) -> bool:
        surplus = len(self.spans) - accumulator.keep
        if surplus > 0:
            del self.spans[:surplus]
        if accumulator.retain_ms is not None:
            self._forget(as_of - accumulator.retain_ms)
        return bool(self.spans)

    def _forget(self, until: int) -> None:
        """Drop what began before every window; of the last such session its end stays while an event may join it."""
        before = bisect_right(self.spans, until + SESSION_GAP_MS, key=_began_at)
        if before:
            ended_at = self.spans[before - 1][1]
            self.spans[:before] = [(_LONG_AGO, ended_at)] if ended_at > until else []


AnyState: TypeAlias = Times | Newest | Calls | Numbers | Ends | Values | Spans

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AnyState).decode


def type_of(accumulator: Accumulator) -> type[AnyState]:
    """Return what the states of an accumulator are."""
    match accumulator.keeping:
        case "values" | "members":
            return Values
        case "sessions":
            return Spans
        case "newest":
            return Times if accumulator.of is None and not accumulator.ordered else Newest
        case "total":
            if accumulator.of is None:
                return Calls
            return Numbers if accumulator.numbers else Ends


def encode_state(state: AnyState) -> bytes:
    """Return the bytes of a state, which say what it is."""
    return _encode(state)


def decode_state(encoded: bytes | msgspec.Raw) -> AnyState:
    """Decode what `encode_state` has encoded. Raises ValueError for bytes that it did not write."""
    state: AnyState = _decode(encoded)
    return state


def newest_of(accumulator: Accumulator, events: Iterable[tuple[EventOrder, Scalar | None]]) -> AnyState:
    """Make the state of a `newest` accumulator from its newest events, in any order; none beyond `keep` is kept."""
    state = type_of(accumulator)()
    if isinstance(state, Times):
        state.times = sorted(order.occurred_at for order, _ in events)[-accumulator.keep :]
    else:
        assert isinstance(state, Newest), accumulator
        state.entries = sorted((_entry(order, value) for order, value in events), key=_order)[-accumulator.keep :]
    return state


def total_of(  # noqa: PLR0913 - what is kept of all events, field by field
    accumulator: Accumulator,
    number: int,
    *,
    first: tuple[EventOrder, Scalar | None] | None = None,
    last: tuple[EventOrder, Scalar | None] | None = None,
    millionths: int = 0,
    least: float | None = None,
    greatest: float | None = None,
) -> AnyState:
    """Make the state of a `total` accumulator.

    Of numbers: how many are summands, their sum, and the least and greatest of all. Of others: how many events, and the
    first and last of them with their values.
    """
    kind = type_of(accumulator)
    if kind is Numbers:
        high, low = divmod(millionths, _WORD)
        return Numbers(number, low, high, least, greatest)
    if kind is Calls:
        return Calls(number, first and first[0].occurred_at, last and last[0].occurred_at)
    assert kind is Ends, accumulator
    return Ends(number, first and _entry(*first), last and _entry(*last))


def values_of(counts: Iterable[tuple[Scalar, int]]) -> Values:
    """Make the state of a `values` accumulator from how often each value occurred."""
    state = Values()
    for value, count in counts:
        state.unite(Values({json_text(value): count}))
    return state


def millionths(number: float) -> int:
    """Return a number in whole millionths: the product as a double, as SQL has it, rounded half to even."""
    return round(number * _MILLION)


def _entry(order: EventOrder, value: Scalars | None) -> Entry:
    # Members are counted, and never kept with what orders events.
    return order.occurred_at, order.ordinal, order.message_id[:MAX_ORDER_LENGTH], value  # type: ignore[return-value]


def _time(entry: Entry) -> int:
    return entry[0]


def _began_at(span: tuple[int, int]) -> int:
    return span[0]


def _order(entry: Entry) -> tuple[int, int, str]:
    return entry[:3]


def _least(left: _Number | None, right: _Number | None) -> _Number | None:
    return min((each for each in (left, right) if each is not None), default=None)


def _greatest(left: _Number | None, right: _Number | None) -> _Number | None:
    return max((each for each in (left, right) if each is not None), default=None)
