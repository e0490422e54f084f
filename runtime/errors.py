"""What can go wrong outside our code, as two types: worth another attempt, or a reason to stop.

What a server answers is sorted once for each server: Kafka in `runtime.kafka.errors`, HTTP in `runtime.http.errors`,
ClickHouse in `warehouse.errors`. What is wrong with one event is a value, never an exception.
"""


class OnefoldError(Exception):
    """A failure that one line tells: what was wrong, where, and what to do. Raised as one of the types below."""


class TransientError(OnefoldError):
    """Fails now and may work later. The caller repeats it with back-off and acknowledges nothing meanwhile."""


class UnreachableError(TransientError):
    """Gets no answer: the server is away, still starting, or elsewhere than its address says."""


class TerminalError(OnefoldError):
    """Fails however often it is repeated. The process stops and leaves its offsets where they are.

    A full or broken disk is one: an OSError of the disk is not caught on its way to the process's `main`.
    """
