"""Record batches as no producer of good will would write them: made byte by byte, and put on a topic as they are."""

import asyncio
import gzip
import io
import struct
from collections.abc import Iterable, Iterator, Sequence

import cramjam
import lz4.frame
import zstandard
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.util import calc_crc32c, encode_varint
from aiokafka.structs import TopicPartition

from streams.transport.batches import HEADER

GZIP, SNAPPY, LZ4, ZSTD = range(1, 5)
MB = 1_000_000
_NOW = 1_700_000_000_000


def record(
    value: bytes | None,
    number: int = 0,
    key: bytes | None = None,
    headers: Sequence[tuple[bytes, bytes | None]] = (),
    stated_bytes: int | None = None,
) -> bytes:
    """A record, by its number in the batch; `stated_bytes`: the length that it claims, where that is not its own."""
    fields = (b"\x00", _varint(0), _varint(number), _sized(key), _sized(value), _varint(len(headers)))
    body = b"".join((*fields, *(_sized(name) + _sized(content) for name, content in headers)))
    return _varint(len(body) if stated_bytes is None else stated_bytes) + body


def zeros(size: int) -> Iterator[bytes]:
    """The pieces of one record whose value is so many zeros."""
    head = b"\x00" + _varint(0) + _varint(0) + _sized(None) + _varint(size)
    yield _varint(len(head) + size + 1) + head
    left = size
    while left > 0:
        yield bytes(min(left, MB))
        left -= MB
    yield b"\x00"


def pack(codec: int, pieces: Iterable[bytes], states_size: bool = True) -> bytes:
    """Compress; `states_size` where a codec may say how large the whole is, or may not."""
    if codec == GZIP:
        file = io.BytesIO()
        with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=9) as packing:
            packing.writelines(pieces)
        return file.getvalue()
    if codec == LZ4:
        with lz4.frame.LZ4FrameCompressor(block_linked=False) as compressor:
            return b"".join((compressor.begin(), *map(compressor.compress, pieces), compressor.flush()))
    whole = b"".join(pieces)
    if codec == ZSTD:
        return zstandard.ZstdCompressor(write_content_size=states_size).compress(whole)
    return bytes(cramjam.snappy.compress_raw(whole)) if codec == SNAPPY else whole


def batch(  # noqa: PLR0913, PLR0917 - the fields of a header
    payload: bytes,
    attributes: int = 0,
    records: int = 1,
    last: int | None = None,
    magic: int = 2,
    first: int = 0,
    producer: int = -1,
) -> bytes:
    """A batch around what lies in it, with a correct checksum whatever else it claims; `last`: its offset delta."""
    length = HEADER.size - 12 + len(payload)
    delta = records - 1 if last is None else last
    head = HEADER.pack(first, length, 0, magic, 0, attributes, delta, _NOW, _NOW, producer, -1, -1, records)
    checksum = calc_crc32c(head[21:] + payload)
    return head[:17] + struct.pack(">I", checksum) + head[21:] + payload


def put(kafka: str, topic: str, partition: int, *batches: bytes) -> list[int]:
    """Send batches, one request each; the broker's error codes, 0 where it took one."""

    async def send() -> list[int]:
        client = AIOKafkaClient(bootstrap_servers=kafka)
        try:
            await client.bootstrap()
            await client.set_topics([topic])
            leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
            codes = []
            for raw in batches:
                request = ProduceRequest(None, -1, 30_000, [(topic, [(partition, raw)])])
                answer = await client.send(leader, request)
                codes.append(answer.topics[0][1][0][1])
            return codes
        finally:
            await client.close()

    return asyncio.run(send())


def _sized(content: bytes | None) -> bytes:
    return _varint(-1) if content is None else _varint(len(content)) + content


def _varint(number: int) -> bytes:
    coded = bytearray()
    encode_varint(number, coded.append)
    return bytes(coded)
