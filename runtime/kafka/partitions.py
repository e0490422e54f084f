"""In which partition a key lies: what all our producers, Kafka's Java client and aiokafka agree on."""

from aiokafka.partitioner import murmur2


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key in a topic that has so many (Kafka's DefaultPartitioner)."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
