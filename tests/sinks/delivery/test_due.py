"""Which lines are looked at in a round, however large what waits in them is."""

import pytest

from sinks.delivery import lines
from sinks.delivery.due import READ_BYTES, due_lines
from state.view import StateView
from tests.sinks.delivery.examples import activation
from tests.sinks.delivery.test_choosing import NOW, choice, served
from tests.sinks.delivery.test_lines import Memory, decode

LINES = 300


class ManyLines(Memory):
    """A store that counts what is read of it, with lines of which all are due."""

    def __init__(self, record: bytes) -> None:
        super().__init__()
        self.read_bytes = 0
        view = StateView(self)
        for number in range(LINES):
            key = lines.line_key("shop", b"w|person|%04d" % number)
            for version in (1, 2):
                lines.admit(view, key, activation(version, "fired"), record, "events", NOW, decode)
        self.commit(view)

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        values = super().get_many(keys)
        self.read_bytes += sum(len(value or b"") for value in values)
        return values

    def due(self, workspace: str, until: int, limit: int) -> list[bytes]:
        keys = self.range(lines.line_key(workspace, b""))
        return [key for key in keys if (lines.due_at_of(self.values[key]) or 0) <= until][:limit]


@pytest.mark.parametrize(("size", "number"), [(1_000, LINES), (100_000, 80)])
def test_of_large_records_no_more_is_read_than_fits(size: int, number: int) -> None:
    store, shop = ManyLines(b"." * size), served(caps=())
    choosing = choice(StateView(store), NOW)
    due, is_cut = due_lines(shop, (), (), LINES + 1, choosing)
    assert (len(due), is_cut) == (number, number < LINES)
    for line in due:
        assert len(lines.head(choosing.view, line, 1)) == 1
    assert store.read_bytes < READ_BYTES + 100_000 + LINES * 1_000
