"""Reads what an answer of status 200 says within. Pure."""

from collections.abc import Callable, Sequence

from definitions.receivers.http import Code, InnerStatus, ItemResults
from sinks.destinations.contract import Delivered, Exchange, Outcome, Refused, Retry, Unauthorised
from sinks.destinations.http.session import Answer


def inner_outcome(answer: object, declared: InnerStatus, exchange: Exchange) -> Outcome:
    """Return what an answer, read from JSON, says by the declared code."""
    code = value_at(answer, declared.path)
    if _is_among(code, declared.ok) or (not declared.ok and code is None):
        return Delivered(exchange)
    message = value_at(answer, declared.message) if declared.message else None
    said = f"{declared.path} is {_shown(code)}" + (f": {_shown(message)}" if message else "")
    if _is_among(code, declared.throttled):
        return Retry("throttled", said, exchange=exchange)
    if _is_among(code, declared.unauthorised):
        return Unauthorised(said, exchange)
    return Refused("rejected", said, exchange)


def outcome_within(answer: Answer, declared: InnerStatus) -> Outcome:
    """Return what an answer says within. One that should say something and is no JSON is asked for again."""
    content = answer.json()
    if content is None and (answer.body or declared.ok or not answer.is_whole):
        return Retry("unavailable", "the answer is no JSON, or too long, or broke off", exchange=answer.exchange)
    return inner_outcome(content, declared, answer.exchange)


def item_outcomes(
    answer: object, declared: ItemResults, number: int, exchange: Exchange, shown: Callable[[object], str]
) -> Sequence[Outcome]:
    """Return what an answer says of each of so many deliveries. One that does not speak of all is of no use.

    Of each is kept what is said of it alone: the others are about other people. `shown`: of a result what is kept.
    """
    results = value_at(answer, declared.path) if declared.path else answer
    if not isinstance(results, list) or len(results) != number:
        detail = f"the answer should list {number} results" + (f" at {declared.path}" if declared.path else "")
        return [Retry("unavailable", detail, exchange=unsaid(exchange))] * number
    own = [Exchange(exchange.request, shown(result), exchange.status) for result in results]
    return [inner_outcome(result, declared.status, each) for result, each in zip(results, own, strict=True)]


def unsaid(exchange: Exchange) -> Exchange:
    """Return an exchange about several deliveries as it is kept with each: the answer may be about the others."""
    return Exchange(exchange.request, "", exchange.status)


def value_at(answer: object, path: str) -> object:
    """Return the value at keys with dots between; None where there is none. A number is the place in a list."""
    value = answer
    for key in path.split("."):
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def _shown(value: object) -> str:
    # Not cut: of a secret that begins before the cut the rest would not be known for one.
    return value if isinstance(value, str) else repr(value)


def _is_among(code: object, codes: Sequence[Code]) -> bool:
    """Compare as JSON does: true is not 1, but a number may be written as a text."""
    return any(
        (code == each and isinstance(code, bool) == isinstance(each, bool))
        or (not isinstance(code, bool | None) and not isinstance(each, bool) and str(code) == str(each))
        for each in codes
    )
