"""What ClickHouse refuses of queries about the past: who ran one goes on with other work, and runs it again later."""

from collections.abc import Iterator
from contextlib import contextmanager

from runtime.errors import TerminalError
from warehouse.errors import QueryTooLargeError

AGAIN_AFTER_S = 60.0


class PastRefused(Exception):
    """ClickHouse does not answer a query about the past; the text says why."""


@contextmanager
def refusals_apart() -> Iterator[None]:
    """Raise PastRefused for what ClickHouse refuses or has no room for: nothing else may end or wait because of it."""
    try:
        yield
    except (TerminalError, QueryTooLargeError) as error:
        raise PastRefused(str(error)) from error
