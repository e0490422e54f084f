"""A stage and a durable state without Kafka and RocksDB, for tests of what carries a batch."""

from collections.abc import Callable, Mapping
from typing import Any

from schemas.codec import DecodeError
from state.outputs import Output
from state.view import StateView
from streams.metrics import Tally
from streams.phases import Committed, Decoded, Effects, Folded, Record


class Concatenating:
    """Appends each value to what it holds of the key; `b"?"` cannot be decoded. A sweep counts `sweeps_left` down."""

    name = "concatenate"
    table = "texts"
    topics: tuple[str, ...] = ("in",)
    sweeps = True
    holds_back = False
    deadline_of: Callable[[bytes], int | None] | None = None

    def __init__(self, sweeps_left: int = 0) -> None:
        self.sweeps_left = sweeps_left

    def decode(self, record: Record, now: int) -> tuple[bytes, bytes]:  # noqa: ARG002 - a stage's signature
        if record.value is None or record.value == b"?":
            raise DecodeError("invalid", "no text")
        return record.key or b"", record.value

    def fold(self, decoded: Decoded[tuple[bytes, bytes]], view: StateView) -> Effects:
        outputs = []
        for key, value in decoded.items:
            text = (view.get(key) or b"") + value
            view.put(key, text)
            outputs.append(Output("out", key, text))
        if not decoded.received.records and self.sweeps_left:
            self.sweeps_left -= 1
            outputs.append(Output("swept", b"", b""))
        return Effects(outputs, view, Tally(), more=self.sweeps_left > 0)

    def dead_letter(self, record: Record, error: DecodeError, now: int, tally: Tally) -> Output:  # noqa: ARG002
        return Output("dead", record.key or b"", error.reason.encode())


class Table:
    """A store as a dict."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        return [self.values.get(key) for key in keys]

    def due(self, workspace: str, until: int, limit: int) -> list[bytes]:  # noqa: ARG002 - nothing is ever due
        return []

    def after(self, key: bytes, limit: int) -> list[bytes]:
        return sorted(each for each in self.values if each > key)[:limit]

    def range(self, prefix: bytes) -> list[bytes]:
        return sorted(key for key in self.values if key.startswith(prefix))


class InMemory:
    """A durable state that notes what is committed, until it is made to fail."""

    def __init__(self, failure: BaseException | None = None) -> None:
        self.table = Table()
        self.outputs: list[Output] = []
        self.failure = failure
        self._positions: dict[str, int] = {}

    @property
    def positions(self) -> Mapping[str, int]:
        return self._positions

    @property
    def opened_at(self) -> int:
        return 0

    @property
    def partition(self) -> int:
        return 0

    def view(self) -> StateView:
        return StateView(self.table)

    async def commit(self, folded: Folded[Any]) -> Committed:
        if self.failure is not None:
            raise self.failure
        received, effects = folded.decoded.received, folded.effects
        self.outputs += effects.outputs
        self.table.values |= {key: value for key, value in effects.view.changes.items() if value is not None}
        self._positions |= received.positions
        return Committed(received, effects.more, effects.is_walking)
