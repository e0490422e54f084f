"""Chooses what begins: of the lines that are due the first deliveries, past gates and mapping, as requests.

Pure but for the limits of the outlet. Sending is left to `task`, once what begins is committed.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from definitions.mapping import Unmappable
from schemas.activations import Activation, delivery_key
from schemas.attempts import Saying
from schemas.records import ConsentChange
from sinks.delivery import lines
from sinks.delivery.bounced import BouncedDeliveries
from sinks.delivery.caps import note_sent, sent_at
from sinks.delivery.consents import objection_to
from sinks.delivery.gates import Never, Situation, Verdict, Wait, gate
from sinks.delivery.notes import Notes
from sinks.delivery.outlet import Leave
from sinks.delivery.reaffirming import Reaffirmations
from sinks.delivery.served import Addressee, Served
from sinks.destinations.contract import Delivery
from state.view import StateView

OF_A_LINE = 1
"""Deliveries of a line in one request: a receiver that took the second and not the first would see them overtake."""
DROPS_AT_ONCE = 200
"""Of one line in one round; more are dropped in the next one."""
PASSED_AT_MOST = 100
"""Deliveries that an exit passes; of segments fewer wait than there are segments."""

_json = msgspec.json.Encoder().encode


class Chosen(NamedTuple):
    """A delivery that begins, with where it waits. `before`: the time of the attempt before, 0 if there was none."""

    line: bytes
    number: int
    delivery: Delivery
    record: bytes
    before: int = 0


class Request(NamedTuple):
    """What is sent together."""

    served: Served
    chosen: Sequence[Chosen]


class Choice(NamedTuple):
    """What everything is chosen with: the state, how records are read, the time, what is said and follows from it."""

    view: StateView
    decode: Callable[[bytes], Activation]
    decode_consent: Callable[[bytes], ConsentChange]
    now: int
    notes: Notes
    bounced: BouncedDeliveries
    reaffirmations: Reaffirmations


def choose(served: Served, due: deque[bytes], choice: Choice) -> Request | None:
    """Make the next request to a destination of lines that are due, and take them off; None: nothing may begin."""
    outlet = served.outlet
    while due:
        leave = outlet.begin(served.opened, choice.now)
        if leave is Leave.NO:
            return None
        most = outlet.take(1 if leave is Leave.TRIAL else served.opened.batching.deliveries)
        chosen = _fill(served, due, most, choice)
        outlet.give_back(most - len(chosen))
        if chosen:
            return Request(served, chosen)
        outlet.give_up(served.opened)
        if not most:
            return None
    return None


def why_not_wanted(served: Addressee, activation: Activation) -> Saying | None:
    """Return what is said of a change of a kind that a destination does not take, as it is defined now; else None."""
    if activation.change in served.definition.changes:
        return None
    return Saying("suppressed", "not_wanted", f"the destination takes {', '.join(served.definition.changes)}")


def _fill(served: Served, due: deque[bytes], most: int, choice: Choice) -> list[Chosen]:
    """Take the first deliveries of lines until a request is full."""
    chosen: list[Chosen] = []
    left = served.opened.batching.bytes
    while due and len(chosen) < most:
        ready = _ready(served, due[0], OF_A_LINE, choice)
        fitting, size = _fitting(ready, left, bool(chosen), served.opened.batching.deliveries)
        if len(fitting) < len(ready) and not fitting:
            break
        chosen += _begin(served, due.popleft(), fitting, choice)
        left -= size
    return chosen


def _ready(served: Served, line: bytes, most: int, choice: Choice) -> list[Chosen]:
    """Return the first deliveries of a line that may be sent now; what may never be is taken out before them."""
    for _ in range(DROPS_AT_ONCE):
        ready: list[Chosen] = []
        for item in lines.head(choice.view, line, most):
            activation = choice.decode(item.waiting.record)
            prepared = _prepare(served, line, item, activation, choice)
            if isinstance(prepared, Delivery):
                ready.append(Chosen(line, item.number, prepared, item.waiting.record))
                continue
            if ready:
                return ready
            if isinstance(prepared, Wait):
                if not _put_exit_first(served, line, choice):
                    lines.postpone(choice.view, line, prepared.until)
                    return []
                break
            lines.drop(choice.view, line, item.number, choice.now)
            choice.notes.say(served.whose, line, activation, item.waiting.record, prepared)
            break
        else:
            return ready
    return []


def _put_exit_first(served: Served, line: bytes, choice: Choice) -> bool:
    """Put an exit from what a receiver may hold before those that wait for a gate; return whether there is one.

    The order of different segments is nothing to a receiver of states, and an exit waits for nothing. Behind what has
    begun it does not pass: that may have arrived.
    """
    of = lines.read(choice.view, line)
    if served.holds != "states" or of.has_begun:
        return False
    for item in lines.head(choice.view, line, PASSED_AT_MOST):
        activation = choice.decode(item.waiting.record)
        if activation.change == "exited" and of.may_be_held(activation.name):
            lines.put_first(choice.view, line, item.number)
            return True
    return False


def _fitting(ready: list[Chosen], left: int, is_begun: bool, most: int) -> tuple[list[Chosen], int]:
    """Return the first ones that fit into what is left of a request, and their bytes; one alone always fits."""
    if most == 1:
        return ready, 0
    size = 0
    for number, each in enumerate(ready):
        bytes_more = len(_json(each.delivery.fields))
        if size + bytes_more > left and (number or is_begun):
            return ready[:number], size
        size += bytes_more
    return ready, size


def _begin(served: Served, line: bytes, picked: list[Chosen], choice: Choice) -> list[Chosen]:
    if not picked:
        return []
    begun = [(each.number, each.delivery.activation) for each in picked]
    attempt, before = lines.begin(choice.view, line, begun, choice.now)
    if not before and served.cap_window_ms:
        note_sent(choice.view, served, lines.record_key(line), len(picked), choice.now)
    return [
        Chosen(line, number, Delivery(ready.key, ready.activation, ready.fields, attempt), record, before)
        for line, number, ready, record, _ in picked
    ]


def _prepare(
    served: Served, line: bytes, item: lines.Numbered, activation: Activation, choice: Choice
) -> Delivery | Wait | Saying:
    """Return the delivery, or until when it waits, or why it is never sent."""
    if (not_wanted := why_not_wanted(served, activation)) is not None:
        return not_wanted
    verdict = _verdict(served, line, item, activation, choice)
    if isinstance(verdict, Wait):
        return verdict
    if isinstance(verdict, Never):
        return Saying("suppressed", verdict.reason, verdict.detail)
    key = delivery_key(activation, served.kept_as, served.mapping)
    try:
        return Delivery(key, activation, served.fields_of(activation, key))
    except Unmappable as error:
        return Saying("refused", "unmappable", error.detail)


def _verdict(served: Served, line: bytes, item: lines.Numbered, activation: Activation, choice: Choice) -> Verdict:
    key, of = lines.record_key(line), lines.read(choice.view, line)
    has_begun = item.number < of.begun_to
    situation = Situation(
        now=choice.now,
        objection=objection_to(served.definition, served.consents, choice.view, key, activation, choice.decode_consent),
        timezone=activation.timezone,
        sent_at=() if has_begun else sent_at(choice.view, served, key, choice.now),
        may_be_held=of.may_be_held(activation.name),
        was_sent=of.was_sent(activation.name),
    )
    return gate(served.definition, activation, situation)
