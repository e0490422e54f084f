"""Says which destinations are sent nothing, and why: they are paused, cannot be opened, or refuse the credentials."""

from collections.abc import Collection, Iterator

from definitions.streaming.times import text_of
from runtime.literal import literal
from schemas.delivery_control import Pauses

Shown = dict[str, dict[str, dict[str, str]]]

_ONCE_ACCEPTED = "one delivery is tried now and then, all goes on by itself once one is accepted"


def held_up(pauses: Pauses, names: Collection[str] | None = None) -> Iterator[str]:
    """Yield a line for each destination that is sent nothing; `names`: only of these."""
    for name, pause in pauses.of.items():
        if names is None or name in names:
            why = f" ({pause.reason})" if pause.reason else ""
            resume = f"'onefold deliveries resume {name}'"
            yield literal(f"{name} is paused by an operator since {text_of(pause.paused_at)}{why}: {resume}")
    for name, unopened in pauses.unopened.items():
        if names is None or name in names:
            since = text_of(unopened.since)
            yield literal(f"{name} cannot be opened since {since}, its deliveries wait: {unopened.reason}")
    for name, suspended in pauses.suspended.items():
        if names is None or name in names:
            since = text_of(suspended.since)
            said = f"{name} does not accept its credentials since {since}: {suspended.reason}"
            yield literal(f"{said}; {_ONCE_ACCEPTED}")


def shown_held_up(pauses: Pauses) -> Shown:
    """Return the same for JSON, by name: since when, and why."""
    return {
        "paused": {
            name: {"since": text_of(each.paused_at) or "", "reason": each.reason} for name, each in pauses.of.items()
        },
        "unopened": {
            name: {"since": text_of(each.since) or "", "reason": each.reason} for name, each in pauses.unopened.items()
        },
        "suspended": {
            name: {"since": text_of(each.since) or "", "reason": each.reason} for name, each in pauses.suspended.items()
        },
    }
