"""What a producer of ill will can put on `events` within the broker's limits, read by the worker as a process."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from aiokafka.errors import NoError

from embedded.stack import Stack
from schemas.records import DeadLetter
from schemas.topics import EVENTS, EVENTS_DEAD
from streams.transport.unpacking import UNPACKED_LIMIT_BYTES
from tests.streams.test_worker import Shop, committed, shop, start, wait_for
from tests.streams.transport.bombs import GZIP, LZ4, MB, SNAPPY, ZSTD, batch, pack, put, record, zeros
from tests.support.process import ModuleProcess

__all__ = ["shop", "start"]  # fixtures

pytestmark = pytest.mark.stack

PEOPLE = 20
ROOM_BYTES = 4 * UNPACKED_LIMIT_BYTES
"""How much more memory than ever before the worker may take: unpacking needs twice the limit, the rest is slack."""


def await_counts(shop: Shop, each: int, send: int = 0) -> None:
    """Wait until every person has exactly so many events, of which `send` are sent first."""
    if send:
        shop.send(PEOPLE, send)
    wait_for(lambda: shop.counts(PEOPLE) == dict.fromkeys(range(PEOPLE), each), f"{each} events of each person")


def letters(shop: Shop, partition: int) -> list[DeadLetter]:
    """The dead letters without a value about one partition of `events`, by offset."""
    found = [shop.codec.decode(DeadLetter, value) for value in committed(shop.settings.kafka, EVENTS_DEAD)]
    of_partition = [letter for letter in found if (letter.topic, letter.partition) == (EVENTS, partition)]
    return sorted((letter for letter in of_partition if letter.value is None), key=lambda letter: letter.offset)


def stated_bytes(letter: DeadLetter) -> int:
    """How many bytes a dead letter says were left in the topic."""
    match = re.search(r"(\d+) bytes of", letter.detail)
    assert match is not None, letter.detail
    return int(match[1])


def peak_bytes(worker: ModuleProcess) -> int:
    """The most memory that a worker ever held, as Linux counts it."""
    status = Path(f"/proc/{worker.pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


def lies() -> Mapping[str, bytes]:
    """Batches that are not what they say, with the right checksum."""
    honest = record(b"no event", 0) + record(b"no event", 1)
    cut = pack(GZIP, [record(bytes(5_000))])
    return {
        "more records than there are": batch(honest, records=5),
        "fewer records than there are": batch(honest, records=1),
        "no record": batch(b"", records=0),
        "a negative number of records": batch(honest, records=-1, last=1),
        "an end far ahead": batch(honest, records=2, last=1_000_000),
        "an end before the start": batch(honest, records=2, last=-5),
        "a record that is longer than the batch": batch(record(b"v", stated_bytes=1_000_000)),
        "a record of negative length": batch(record(b"v", stated_bytes=-5)),
        "a value that is longer than the batch": batch(b"\x14\x00\x00\x00\x01\xfe\xff\xff\xff\x0fv\x00"),
        "a number far ahead": batch(record(b"v", number=500)),
        "compressed bytes that end early": batch(cut[: len(cut) // 2], GZIP),
        "no gzip": batch(b"nothing of gzip", GZIP),
        "no snappy": batch(b"nothing of snappy", SNAPPY),
        "no lz4": batch(b"nothing of lz4", LZ4),
        "no zstd": batch(b"nothing of zstd", ZSTD),
        "no codec": batch(honest, 7, records=2),
        "format 1": batch(honest, records=2, magic=1),
        "format 3": batch(honest, records=2, magic=3),
        "a marker": batch(record(b"\x00" * 6, key=b"\x00" * 4), 0x30),
        "a header that is no text": batch(record(b"v", headers=[(b"\xff\xfe", b"x")])),
        "headers of 10 MB": batch(pack(GZIP, [record(b"v", headers=[(b"", None)] * 5_000_000)]), GZIP),
        "a batch in a batch": batch(pack(GZIP, [batch(honest, records=2)]), GZIP, records=2),
    }


def test_a_batch_that_unpacks_to_hundreds_of_megabytes_becomes_one_dead_letter(
    start: Callable[[int], ModuleProcess], shop: Shop, stack: Stack
) -> None:
    worker = start(1)
    await_counts(shop, each=2, send=2)
    known, before = len(letters(shop, 0)), peak_bytes(worker)
    packed = [
        (GZIP, pack(GZIP, zeros(400 * MB))),
        (LZ4, pack(LZ4, zeros(250 * MB))),
        (ZSTD, pack(ZSTD, zeros(400 * MB))),
        (ZSTD, pack(ZSTD, zeros(400 * MB), states_size=False)),
    ]
    for codec, payload in packed:
        assert put(stack.settings.kafka, EVENTS, 0, batch(payload, codec)) == [0]
        shop.send(PEOPLE, each=1)
    await_counts(shop, each=6)
    wait_for(lambda: len(letters(shop, 0)) == known + len(packed), "a dead letter for each batch")
    new = letters(shop, 0)[known:]
    assert {(letter.reason, letter.stage, letter.key) for letter in new} == {("too_large", "resolve", None)}
    assert sorted(len(payload) for _, payload in packed) == sorted(stated_bytes(letter) for letter in new)
    # Not how many in all: the worker reads what earlier tests have left in the topic, too.
    assert worker.metric('onefold_dead_letters_total{reason="too_large",stage="resolve"}') >= len(packed)
    assert peak_bytes(worker) < before + ROOM_BYTES
    assert worker.is_running, "the worker went down over it"


def test_a_batch_that_lies_costs_nobody_else_a_record(
    start: Callable[[int], ModuleProcess], shop: Shop, stack: Stack
) -> None:
    """The broker refuses most of them; what it takes becomes a dead letter, and the events behind it are folded."""
    worker = start(1)
    known, before, taken = len(letters(shop, 1)), peak_bytes(worker), []
    for lie, raw in lies().items():
        (code,) = put(stack.settings.kafka, EVENTS, 1, raw)
        if code == NoError.errno:
            taken.append(lie)
    shop.send(PEOPLE, each=1)
    await_counts(shop, each=1)
    wait_for(lambda: len(letters(shop, 1)) == known + len(taken), f"a dead letter for each of {taken}")
    assert set(taken) >= {"a number far ahead", "a header that is no text", "headers of 10 MB"}
    assert peak_bytes(worker) < before + ROOM_BYTES
    assert worker.is_running, "the worker went down over it"
