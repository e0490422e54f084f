"""What an HTTP server's status means to a client of ours: worth another attempt, or a reason to stop."""

from runtime.errors import TerminalError, TransientError

# RFC 9110 sections 15.5 and 15.6, RFC 6585 section 4, RFC 8470 section 5.2.
_TRANSIENT_STATUSES = frozenset({408, 425, 429})


def sorted_status(server: str, status: int, answer: str) -> TransientError | TerminalError:
    """Return the error to raise for an answer that is no success; `server` names who answered."""
    if status in _TRANSIENT_STATUSES or status >= 500:
        return TransientError(f"{server} cannot do it now: {status} {answer}")
    return TerminalError(f"{server} refuses: {status} {answer}")
