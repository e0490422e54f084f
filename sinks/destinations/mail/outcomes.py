"""What a mail server's answers mean for a delivery. Pure.

Codes of RFC 5321 (4.2) and their finer ones of RFC 3463. What is about the recipient or the mail is told from what is
about the server and us: only the latter would be the same for the next mail.
"""

import re
from typing import Literal, TypeAlias

from schemas.bouncing import is_gone
from sinks.destinations.contract import Exchange, Outcome, Refused, Retry, Unauthorised, UnknownAddress

Stage: TypeAlias = Literal["connection", "login", "sender", "recipient", "content"]
"""What the server has answered to."""

HARD_BOUNCE = "hard bounce"
"""What the detail begins with where the mailbox does not exist: no other mail arrives there either."""

_CLOSING = 421
_THROTTLED = frozenset({_CLOSING, 450, 451, 452})
_UNAUTHORISED = frozenset({530, 534, 535, 538})
_NO_SUCH_MAILBOX = frozenset({550, 551, 553})
_TOO_LARGE = 552
_FINE = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")


def outcome_of(code: int, said: str, stage: Stage, exchange: Exchange) -> Outcome:
    """Return what a refusal means: an answer other than 2xx. `said`: its text."""
    fine = match.group(1) if (match := _FINE.search(said)) else ""
    detail = f"answered {f'{code} {fine}'.strip()} to the {stage}"
    is_ours = stage in {"connection", "login", "sender"}
    if 500 <= code < 600 and code not in _UNAUTHORISED:
        if code == _TOO_LARGE or fine == "5.3.4":
            return Refused("too_large", detail, exchange)
        if not is_ours:
            bounce = _bounce(code, fine, stage)
            said_of = detail if bounce is None else f"{HARD_BOUNCE}: {detail}"
            return Refused("rejected", said_of, exchange, bounce=bounce)
    if code >= 500:
        return Unauthorised(detail, exchange)
    # A greylisted or a full mailbox is no trouble of the server's.
    is_servers = is_ours or code == _CLOSING
    return Retry("throttled" if code in _THROTTLED else "unavailable", detail, None, exchange, is_servers)


def _bounce(code: int, fine: str, stage: Stage) -> UnknownAddress | None:
    """Return that the mailbox does not exist. By the code alone nobody is sure: some servers refuse senders so, too."""
    if stage != "recipient":
        return None
    if fine:
        return UnknownAddress(fine, is_hard=True) if is_gone(fine) else None
    return UnknownAddress() if code in _NO_SUCH_MAILBOX else None
