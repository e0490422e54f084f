"""Lines: what waits for one person at one destination, in order, over a view of a partition's state. Pure.

A line's key is `KEPT_AS|`, the first name of the destination, + the Kafka key of its activations, so the store's index
of deadlines tells which lines of a destination are due. What waits are records of their own, so that a long line is not
written anew for each.
Whether and when something is sent is left to `choosing`; docs/decisions/0042 says why lines are as they are.

A delivery waits, begins (it may have arrived from then on), and is settled:

    admit --> waiting --begin--> begun --settle--> gone
                 |                 ^  |
                 +--> superseded   +--+ retry, unauthorised
"""

import struct
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from definitions.receivers.values import Holds
from schemas.activations import REAFFIRM, REINSTATE, Activation, covers
from schemas.records.deliveries import DeliveryReason
from sinks.delivery.memory import Held, SegmentState
from sinks.destinations.contract import Delivered, Outcome, Refused, Unauthorised
from state.store import META
from state.view import StateView

MAX_WAITING = 10_000
"""In one line; what comes beyond it is refused."""

_ITEM = META + b"waiting|"
_NUMBER = struct.Struct(">Q")
_LOOKED_AT_ONCE = 32
_READ_FIRST, _READ_AT_ONCE = 8, 512


class Line(msgspec.Struct, array_like=True):
    """The state of a line. What waits has numbers from `first` up to, but without, `next`; some may be missing.

    `count`: how many wait or have begun. `begun_to`: those below have begun. `attempts`: of the first one.
    `first_attempt_at`: of the first one, 0 before it. `due_at`: when to look at the line again; None: it is empty.
    `attempted_at`: the last attempt of the first one, 0 before it; `is_suspended`: the destination is since then, so
    that the time to the next attempt does not count.
    """

    first: int = 0
    next: int = 0
    count: int = 0
    begun_to: int = 0
    attempts: int = 0
    first_attempt_at: int = 0
    due_at: int | None = None
    segments: dict[str, SegmentState] = {}
    attempted_at: int = 0
    is_suspended: bool = False

    @property
    def has_begun(self) -> bool:
        """Whether the first one has."""
        return self.begun_to > self.first

    def may_be_held(self, segment: str) -> bool:
        """Return whether a receiver of states may hold the person in a segment."""
        state = self.segments.get(segment)
        return state is not None and state.held is not Held.NO

    def was_sent(self, segment: str) -> bool:
        """Return whether an entry of the person's membership in a segment was begun."""
        state = self.segments.get(segment)
        return state is not None and state.was_sent


class _Due(msgspec.Struct, array_like=True):
    """A line up to its `due_at`: what is behind it is not read."""

    first: int
    next: int
    count: int
    begun_to: int
    attempts: int
    first_attempt_at: int
    due_at: int | None


Decode: TypeAlias = Callable[[bytes], Activation]
RetryAt: TypeAlias = Callable[[Line, Outcome], int | None]
"""Says when to attempt the first delivery of a line again; None: no more."""


class Waiting(msgspec.Struct, array_like=True, frozen=True):
    """What waits in a line: a record of `activation.NAME`, and when it came."""

    admitted_at: int
    record: bytes


class Numbered(NamedTuple):
    """What waits, with its number in the line."""

    number: int
    waiting: Waiting


class Unsent(NamedTuple):
    """What was not admitted, or will not be sent since something newer was."""

    record: bytes
    outcome: Literal["superseded", "refused"]
    reason: DeliveryReason
    detail: str


class Begun(NamedTuple):
    """An attempt that begins, from 1, and the time (ms) of the one before, 0 if there was none."""

    attempt: int
    before: int


class Attempted(NamedTuple):
    """A delivery that was attempted, and the outcome; `has_suspended`: by it the destination is suspended."""

    number: int
    activation: Activation
    outcome: Outcome
    has_suspended: bool = False


class Settled(NamedTuple):
    """What an outcome leads to. `due_at`: of the next attempt, where there is one."""

    outcome: Literal["delivered", "retry", "suspended", "refused"]
    reason: DeliveryReason | Literal[""] = ""
    detail: str = ""
    due_at: int | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode_line = msgspec.msgpack.Decoder(Line).decode
_decode_due = msgspec.msgpack.Decoder(_Due).decode
decode_waiting = msgspec.msgpack.Decoder(Waiting).decode


def line_key(kept_as: str, key: bytes) -> bytes:
    """Return the key of the line that a record with this Kafka key waits in."""
    return b"%s|%s" % (kept_as.encode(), key)


def record_key(line: bytes) -> bytes:
    """Return the Kafka key of a line's activations."""
    return line.partition(b"|")[2]


def line_of(value: bytes | None) -> Line:
    """Return a line as it is stored."""
    return Line() if value is None else _decode_line(value)


def due_at_of(value: bytes) -> int | None:
    """Return when a stored line is due, as the store's index wants it."""
    return _decode_due(value).due_at


def read(view: StateView, key: bytes) -> Line:
    """Return a line; an empty one where there is none. Whoever changes it writes it."""
    return view.decoded(key, line_of)


def prefetch(view: StateView, keys: Sequence[bytes], most_bytes: int) -> int:
    """Read the first ones that wait in many lines, with few calls of the store; return of how many lines.

    Those are fewer where the records are long: they may be large, and stay in memory for the round.
    """
    number, size, at_once = 0, 0, _READ_FIRST
    while number < len(keys) and size < most_bytes:
        several = keys[number : number + at_once]
        first = [_item_key(key, line.first) for key in several if (line := read(view, key)).count]
        view.prefetch(first)
        size += sum(len(view.get(each) or b"") for each in first)
        number += len(several)
        at_once = min(max((most_bytes - size) * number // max(size, 1), 1), _READ_AT_ONCE)  # as long as those so far
    return number


def admit(  # noqa: PLR0913, PLR0917 - a line, what comes, how it is kept and read, and when
    view: StateView, key: bytes, activation: Activation, record: bytes, holds: Holds, now: int, decode: Decode
) -> list[Unsent]:
    """Put a record at the end of a line. Returns what will not be sent because of it, or that it will not itself.

    An exit stays where the change behind it does not name all that it does: nothing else would take that out.
    """
    line = read(view, key)
    unsent = []
    segment = None
    if activation.kind == "segment":
        segment = line.segments.get(activation.name) or SegmentState(activation.version, activation.happened_at)
        if (activation.version, activation.happened_at) < (segment.version, segment.happened_at):
            return [Unsent(record, "superseded", "older", "a later change of the segment came before it")]
        if segment.waiting is not None and _stays(view, key, segment.waiting, activation, decode):
            segment.waiting = None
        if segment.waiting is not None:
            superseded = _take(view, key, line, segment.waiting)
            segment.waiting = None
            unsent = [Unsent(superseded.record, "superseded", "newer", "the segment has changed again")]
    if line.count >= MAX_WAITING:
        return [Unsent(record, "refused", "too_many_waiting", f"{line.count} deliveries wait for this person")]
    if segment is not None:
        segment.version, segment.happened_at = activation.version, activation.happened_at
        segment.waiting = line.next if holds == "states" else None
        if activation.change == "exited" and activation.cause != REAFFIRM:
            segment.was_sent = False
        if activation.cause == REINSTATE:
            segment.was_sent = True
        line.segments[activation.name] = segment
    view.put(_item_key(key, line.next), _encode(Waiting(now, record)))
    line.next += 1
    line.count += 1
    if line.due_at is None or (holds == "states" and activation.change == "exited" and not line.has_begun):
        line.due_at = now  # an exit does not wait for the gate that what is before it waits for
    _write(view, key, line)
    return unsent


def head(view: StateView, key: bytes, limit: int) -> list[Numbered]:
    """Return the first ones of a line, `limit` at most: those that have begun alone, while there are any."""
    line = read(view, key)
    items: list[Numbered] = []
    number, looked_at = line.first, limit
    while number < line.next and len(items) < limit:
        several = range(number, min(number + looked_at, line.next))
        looked_at = max(limit, _LOOKED_AT_ONCE)  # some are missing
        if len(several) > 1:
            view.prefetch(_item_key(key, each) for each in several)
        for each in several:
            value = view.get(_item_key(key, each))
            if value is None:
                continue
            if (items and items[0].number < line.begun_to <= each) or len(items) == limit:
                return items
            items.append(Numbered(each, decode_waiting(value)))
        number = several.stop
    return items


def put_first(view: StateView, key: bytes, number: int) -> None:
    """Put one that waits before all others of its line, none of which has begun; they keep their order."""
    line = read(view, key)
    numbers = [each for each in range(line.first, number + 1) if view.get(_item_key(key, each)) is not None]
    values = [view.get(_item_key(key, each)) for each in numbers]
    for place, value in zip(numbers, [values[-1], *values[:-1]], strict=True):
        view.put(_item_key(key, place), value)
    moved = dict(zip(numbers, [*numbers[1:], numbers[0]], strict=True))
    for segment in line.segments.values():
        if segment.waiting is not None:
            segment.waiting = moved.get(segment.waiting, segment.waiting)
    _write(view, key, line)


def begin(view: StateView, key: bytes, chosen: Sequence[tuple[int, Activation]], now: int) -> Begun:
    """Note that the first ones of a line begin: they may have arrived from now on."""
    line = read(view, key)
    begun = Begun(line.attempts + 1, line.attempted_at)
    if line.is_suspended:
        line.first_attempt_at += now - line.attempted_at
    line.attempted_at, line.is_suspended = now, False
    line.first_attempt_at = line.first_attempt_at or now
    for number, activation in chosen:
        line.begun_to = max(line.begun_to, number + 1)
        segment = _segment(line, activation)
        if segment is not None:
            if activation.change == "entered":
                segment.held = Held.ATTEMPTED if segment.held is Held.NO else Held.MAYBE
                segment.was_sent = True
            if segment.waiting == number:
                segment.waiting = None
    _write(view, key, line)
    return begun


def settle(view: StateView, key: bytes, attempted: Sequence[Attempted], now: int, retry_at: RetryAt) -> list[Settled]:
    """Keep the outcomes of the first ones of a line, which have begun: what each leads to.

    Behind one that is to be attempted again, nothing counts: it is sent again as well, so that at the receiver nothing
    comes before what is earlier. `retry_at` says when to attempt again, None: no more.
    """
    line = read(view, key)
    settled: list[Settled] = []
    again_at: int | None = None
    for each in attempted:
        if again_at is not None:
            settled.append(Settled("retry", "in_order", "something before it has to be sent again", again_at))
            continue
        step = _settle_one(line, each, retry_at)
        settled.append(step)
        again_at = step.due_at
        if again_at is None:
            view.put(_item_key(key, each.number), None)  # it was there when it began, and is not looked up again
            line.count -= 1
            line.first = each.number + 1
            segment = _segment(line, each.activation)
            if segment is not None:
                segment.held = _held_after(segment.held, each)
    line.due_at = again_at if again_at is not None else (now if line.count else None)
    if again_at is None:
        _forget_attempts(line)
    elif next(each for each in settled if each.due_at is not None).outcome == "suspended":
        line.is_suspended = True
    else:
        line.attempts += 1
    _write(view, key, line)
    return settled


def drop(view: StateView, key: bytes, number: int, now: int) -> None:
    """Take out what will not be sent."""
    line = read(view, key)
    _take(view, key, line, number)
    line.first = number + 1
    if not line.has_begun:
        _forget_attempts(line)
    line.due_at = now if line.count else None
    for segment in line.segments.values():
        if segment.waiting == number:
            segment.waiting = None
    _write(view, key, line)


def postpone(view: StateView, key: bytes, until: int) -> None:
    """Look at a line again at a time (ms), not before."""
    line = read(view, key)
    line.due_at = until
    _write(view, key, line)


def _stays(view: StateView, key: bytes, number: int, later: Activation, decode: Decode) -> bool:
    """Return whether what waits is an exit that is to be sent before a later change."""
    value = view.get(_item_key(key, number))
    if value is None:
        return False
    waiting = decode(decode_waiting(value).record)
    return waiting.change == "exited" and not covers(later.identifiers, waiting.identifiers)


def _settle_one(line: Line, attempted: Attempted, retry_at: RetryAt) -> Settled:
    match outcome := attempted.outcome:
        case Delivered():
            return Settled("delivered")
        case Refused(reason, detail):
            return Settled("refused", reason, detail)
    why: DeliveryReason = "unauthorised" if isinstance(outcome, Unauthorised) else outcome.reason
    due_at = retry_at(line, outcome)
    if due_at is None:
        return Settled("refused", "expired", f"{line.attempts + 1} attempts: {why}: {outcome.detail}")
    return Settled("suspended" if attempted.has_suspended else "retry", why, outcome.detail, due_at)


def _held_after(held: Held, attempted: Attempted) -> Held:
    """Return whether the receiver holds a person once the last word of a delivery is known."""
    is_entry = attempted.activation.change == "entered"
    match attempted.outcome:
        case Delivered():
            return Held.MAYBE if is_entry else Held.NO
        case Refused(is_partial=False) if is_entry and held is Held.ATTEMPTED:
            return Held.NO
    return held


def _forget_attempts(line: Line) -> None:
    line.attempts, line.first_attempt_at, line.attempted_at, line.is_suspended = 0, 0, 0, False


def _segment(line: Line, activation: Activation) -> SegmentState | None:
    """Return what a line remembers of an activation's segment."""
    return line.segments.get(activation.name) if activation.kind == "segment" else None


def _take(view: StateView, key: bytes, line: Line, number: int) -> Waiting:
    item = _item_key(key, number)
    value = view.get(item)
    assert value is not None, "what a line counts is there"
    view.put(item, None)
    line.count -= 1
    return decode_waiting(value)


def _write(view: StateView, key: bytes, line: Line) -> None:
    """Keep a line: with its memory of segments, or as long as something waits."""
    view.put(key, _encode(line) if line.count or line.segments else None)


def _item_key(key: bytes, number: int) -> bytes:
    return _ITEM + key + _NUMBER.pack(number)


def place_of(key: bytes) -> tuple[bytes, int] | None:
    """Return the line of what waits and its number, by the key that it is stored under; None of another record."""
    if not key.startswith(_ITEM):
        return None
    return key[len(_ITEM) : -_NUMBER.size], _NUMBER.unpack(key[-_NUMBER.size :])[0]
