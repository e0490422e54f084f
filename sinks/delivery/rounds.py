"""A round of a task, over a view: admits what has come, settles what has ended, retires what nobody is to hear.

What begins is chosen in `choosing`; committing and sending are left to `task`.
"""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from schemas.activations import Activation
from schemas.attempts import Saying, Whose
from schemas.codec import DecodeError
from schemas.dead_letters import dead_letter
from schemas.records import DeadLetter
from schemas.topics import EVENTS_DEAD, activation
from sinks.delivery import lines, metrics
from sinks.delivery.choosing import Choice, Chosen, Request, why_not_wanted
from sinks.delivery.consents import learn
from sinks.delivery.notes import MAX_ACTIVATION_BYTES
from sinks.delivery.schedule import next_attempt_at, step_ms
from sinks.delivery.served import Addressee
from sinks.destinations.contract import Outcome, Refused, Retry, Unauthorised
from state.outputs import Headers, Output

STAGE = "deliverer"
FAR_AHEAD = 1 << 62
"""Later than any line is due."""
RETIRED_AT_ONCE = 200
"""Lines of a destination that is gone, in one round."""

_TOPIC_PREFIX = activation("")


class IncomingRecord(NamedTuple):
    """A record of `activation.NAME` as it lies in Kafka."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def destination(self) -> str:
        """The destination that is to hear it."""
        return self.topic.removeprefix(_TOPIC_PREFIX)


class Ended(NamedTuple):
    """A request that was answered, or not in time: an outcome for each delivery.

    `suspended_until`: the destination is by that, as it does not accept its credentials.
    """

    request: Request
    outcomes: Sequence[Outcome]
    took_ms: int
    suspended_until: int | None = None


def admit(
    incoming: IncomingRecord, to: Addressee, choice: Choice, encode: Callable[[DeadLetter], bytes]
) -> bytes | None:
    """Put what has come into its line; return the line, None if it was not admitted."""
    try:
        key = _key(incoming)
        change = choice.decode(incoming.value or b"")
    except DecodeError as error:
        _dead_letter(incoming, error, choice, encode)
        return None
    line, record = lines.line_key(to.kept_as, key), incoming.value or b""
    reason = _why_not(to, change, record)
    if reason is not None:
        choice.notes.say(to.whose, line, change, record, reason, waited=False)
        return None
    choice.notes.admit(to.whose)
    unsent = lines.admit(choice.view, line, change, record, to.holds, choice.now, choice.decode)
    for each in unsent:
        unsent_change = change if each.record is record else choice.decode(each.record)
        saying = Saying(each.outcome, each.reason, each.detail)
        choice.notes.say(to.whose, line, unsent_change, each.record, saying)
    return line


def admit_consent(incoming: IncomingRecord, choice: Choice, encode: Callable[[DeadLetter], bytes]) -> None:
    """Keep what somebody has said about being sent things."""
    choice.notes.consents += 1
    try:
        learn(choice.view, _key(incoming), incoming.value or b"", choice.decode_consent)
    except DecodeError as error:
        _dead_letter(incoming, error, choice, encode)


def settle(ended: Ended, choice: Choice) -> list[bytes]:
    """Keep the outcomes of a request; return the lines that go on."""
    served = ended.request.served
    by_line: dict[bytes, list[int]] = {}
    for number, chosen in enumerate(ended.request.chosen):
        by_line.setdefault(chosen.line, []).append(number)
    for line, numbers in by_line.items():
        several = [ended.request.chosen[number] for number in numbers]
        attempted = [
            _attempted(chosen, ended.outcomes[number], ended.suspended_until)
            for chosen, number in zip(several, numbers, strict=True)
        ]
        settled = lines.settle(choice.view, line, attempted, choice.now, _retry_at(ended, choice.now))
        for chosen, each, became in zip(several, attempted, settled, strict=True):
            exchange = each.outcome.exchange
            saying = Saying(
                *became[:3],
                attempt=chosen.delivery.attempt,
                took_ms=ended.took_ms,
                due_at=became.due_at,
                status=exchange.status,
                request=exchange.request,
                answer=exchange.answer,
                key=chosen.delivery.key,
            )
            choice.notes.say(served.whose, line, each.activation, chosen.record, saying)
            if became.due_at is None and served.has_exits_followed and each.activation.change == "exited":
                follows = choice.reaffirmations.output(each.activation, served.kept_as, lines.record_key(line))
                choice.notes.outputs.append(follows)
            if isinstance(each.outcome, Refused):
                channel = served.definition.carried_by or served.definition.reached_by
                bounced = choice.bounced.output(chosen.delivery, each.outcome, channel, choice.now)
                choice.notes.outputs += [] if bounced is None else [bounced]
    return list(by_line)


def retire(destination: str, choice: Choice) -> int:
    """Take out what waits for a destination that is gone; return how many lines were looked at."""
    keys = choice.view.due(destination, FAR_AHEAD, RETIRED_AT_ONCE)
    saying = Saying("refused", "no_destination", "the destination is not defined any more")
    for line in keys:
        while items := lines.head(choice.view, line, 1):
            (item,) = items
            lines.drop(choice.view, line, item.number, choice.now)
            change = choice.decode(item.waiting.record)
            choice.notes.say(Whose(destination, destination), line, change, item.waiting.record, saying)
    return len(keys)


def _why_not(to: Addressee, change: Activation, record: bytes) -> Saying | None:
    if (not_wanted := why_not_wanted(to, change)) is not None:
        return not_wanted
    if len(record) > MAX_ACTIVATION_BYTES:
        return Saying("refused", "too_large", f"the record is {len(record)} bytes long")
    return None


def _attempted(chosen: Chosen, outcome: Outcome, suspended_until: int | None) -> lines.Attempted:
    has_suspended = suspended_until is not None and isinstance(outcome, Unauthorised)
    return lines.Attempted(chosen.number, chosen.delivery.activation, outcome, has_suspended)


def _retry_at(ended: Ended, now: int) -> lines.RetryAt:
    """Say when to attempt again: by the schedule, and never too late nor before a trial where credentials are amiss."""
    served, suspended_until = ended.request.served, ended.suspended_until

    def at(line: lines.Line, outcome: Outcome) -> int | None:
        after_ms = outcome.after_ms if isinstance(outcome, Retry) else None
        # Who resumes a destination has it tried as if it had never failed, however long it was paused.
        retry_for_ms = served.definition.pace.retry_for_ms
        retry_until = max(line.first_attempt_at or now, served.outlet.resumed_at) + retry_for_ms
        spread = random.uniform(-1, 1)  # noqa: S311 - no secret
        if suspended_until is not None and isinstance(outcome, Unauthorised):
            return max(now + step_ms(line.attempts + 1, spread), suspended_until)
        if line.attempted_at <= served.outlet.resumed_at:  # an operator said meanwhile that the receiver is well
            return next_attempt_at(1, now, retry_until, None, spread)
        return next_attempt_at(line.attempts + 1, now, retry_until, after_ms, spread)

    return at


def _key(incoming: IncomingRecord) -> bytes:
    if incoming.key is None:
        raise DecodeError("invalid", "the record has no key")
    return incoming.key


def _dead_letter(
    incoming: IncomingRecord, error: DecodeError, choice: Choice, encode: Callable[[DeadLetter], bytes]
) -> None:
    """Keep a record that cannot be read as a dead letter."""
    choice.notes.outputs.append(_letter(incoming, error, choice.now, encode))
    metrics.DEAD.labels(error.reason).inc()


def _letter(incoming: IncomingRecord, error: DecodeError, now: int, encode: Callable[[DeadLetter], bytes]) -> Output:
    letter = dead_letter(**incoming._asdict(), stage=STAGE, error=error, failed_at=now)
    return Output(EVENTS_DEAD, letter.dead_id.encode(), encode(letter))
