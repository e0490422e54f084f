"""What a profile has said about being sent things, as of a time: of what was published, the last word by then."""

from collections.abc import Iterable
from typing import NamedTuple

from schemas.consent import ConsentState, ConsentStatement


class PastStatement(NamedTuple):
    """What came to count for a purpose and a channel, either may be ALL; a later `version` knows more."""

    version: int
    purpose: str
    channel: str
    statement: ConsentStatement


def said_until(statements: Iterable[PastStatement], at: int) -> ConsentState:
    """Return what counted at a time (ms), as far as what was published shows it."""
    state: dict[str, dict[str, ConsentStatement]] = {}
    for each in sorted(statements, key=lambda each: each.version):
        if each.statement.since <= at:
            state.setdefault(each.purpose, {})[each.channel] = each.statement
    return ConsentState(state)
