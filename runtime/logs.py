"""How every process of ours logs: to standard error, one line a record, with nothing in it that a terminal obeys.

Names, reasons and exceptions in a message are often a sender's. Lines of a traceback are indented, so that none of
them can pass for a record.
"""

import logging
import sys
import threading
from types import TracebackType

from runtime.literal import literal
from runtime.output import guard_output
from runtime.stalls import explain_on_signal

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_INDENT = "    "
_CLIENTS = ("httpx", "httpx2")  # each would log a line for every request, with the password in its address

logger = logging.getLogger("onefold")


class OneLine(logging.Formatter):
    """Puts each record on a line of its own, the traceback of an exception indented below it."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return literal(super().formatMessage(record))

    def formatException(self, ei: object) -> str:
        """Return the traceback, below the line."""
        return _indented(super().formatException(ei))  # type: ignore[arg-type]

    def formatStack(self, stack_info: str) -> str:
        """Return where the record was made, below the line."""
        return _indented(stack_info)


def configure(level: int = logging.INFO) -> logging.Handler:
    """Log to standard error from `level` on, also what nobody caught; returns the handler, for filters.

    Whatever else the process prints is guarded; on a signal it prints what it waits for. To be called once, in the main
    thread, at the start of a process.
    """
    guard_output()
    explain_on_signal()
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine(_FORMAT))
    logging.basicConfig(level=level, handlers=[handler])
    for client in _CLIENTS:
        logging.getLogger(client).setLevel(logging.WARNING)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    return handler


def _indented(text: str) -> str:
    return "\n".join(f"{_INDENT}{literal(line)}" for line in text.split("\n"))


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logger.critical("ended by an exception that nobody caught", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(ending: threading.ExceptHookArgs) -> None:
    if ending.exc_type is SystemExit or ending.exc_value is None:
        return
    name = ending.thread.name if ending.thread is not None else "a thread"
    trace = (ending.exc_type, ending.exc_value, ending.exc_traceback)
    logger.critical("%s ended by an exception that nobody caught", name, exc_info=trace)
