"""Partitions of keys: the hashes are those of Kafka's own test (`UtilsTest.testMurmur2`)."""

import pytest

from runtime.kafka.partitions import partition_of


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"21", -973_932_308),
        (b"foobar", -790_332_482),
        (b"a-little-bit-long-string", -985_981_536),
        (b"a-little-bit-longer-string", -1_486_304_829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        (b"abc", 479_470_107),
    ],
)
@pytest.mark.parametrize("partitions", [1, 4, 7])
def test_a_key_lies_where_kafka_puts_it(key: bytes, hashed: int, partitions: int) -> None:
    assert partition_of(key, partitions) == (hashed & 0x7FFFFFFF) % partitions
