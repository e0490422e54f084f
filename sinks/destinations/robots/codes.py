"""What a code within an answer of status 200 means. Pure."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sinks.destinations.contract import Delivered, Exchange, Outcome, Refused, Retry, Unauthorised
from sinks.destinations.http.inner import value_at
from sinks.destinations.http.outcomes import outcome_of
from sinks.destinations.http.session import Answer


class Codes(NamedTuple):
    """Where the code and its text stand, and which ones are no fault of the message; 0 is success.

    `throttled`: with the time (ms) for which the robot then takes nothing, None where it is unknown.
    """

    code: str
    message: str
    throttled: Mapping[int, int | None]
    busy: frozenset[int] = frozenset()
    unauthorised: frozenset[int] = frozenset()


def meaning(codes: Codes, special: Callable[[int, str, Exchange], Outcome | None] | None = None) -> "Reading":
    """Return what reads answers by these codes; `special`: for codes that only their text explains."""

    def outcome(answer: Answer) -> Outcome:
        by_status = outcome_of(answer.status, answer.headers, answer.exchange)
        if not isinstance(by_status, Delivered):
            return by_status
        said = answer.json()
        code, text = value_at(said, codes.code), str(value_at(said, codes.message) or "")
        if not isinstance(code, int) or isinstance(code, bool):
            return Retry("unavailable", "the answer is in no form of the robot's", exchange=answer.exchange)
        if special is not None and (explained := special(code, text, answer.exchange)) is not None:
            return explained
        return _by_code(code, codes, answer.exchange)

    return outcome


Reading = Callable[[Answer], Outcome]


def _by_code(code: int, codes: Codes, exchange: Exchange) -> Outcome:
    # The robot's text is left to `exchange`, where secrets have been removed.
    detail = f"answered {codes.code} {code}"
    if code == 0:
        return Delivered(exchange)
    if code in codes.throttled:
        return Retry("throttled", detail, codes.throttled[code], exchange)
    if code in codes.busy:
        return Retry("unavailable", detail, exchange=exchange)
    if code in codes.unauthorised:
        return Unauthorised(detail, exchange)
    return Refused("rejected", detail, exchange)
