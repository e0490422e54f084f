"""What no Python peer can pass: reading the topic, decoding it, and decoding and folding it in memory. Prints JSON."""

import json
import time

import given  # type: ignore[import-not-found]  # runs as a script, beside `given.py`
from confluent_kafka import Consumer, TopicPartition
from fold import State, decode, fold  # type: ignore[import-not-found]


def read() -> tuple[list[tuple[bytes, bytes]], float, float]:
    """Read all records, and measure it: by the clock from the first record, and in CPU seconds."""
    consumer = Consumer(
        {
            "bootstrap.servers": given.KAFKA,
            "group.id": given.RUN,
            "enable.auto.commit": False,
            "fetch.max.bytes": 50_000_000,
            "queued.min.messages": 200_000,
        }
    )
    partitions = [TopicPartition(given.INPUT, number, 0) for number in range(4)]
    wanted = sum(consumer.get_watermark_offsets(partition, timeout=30)[1] for partition in partitions)
    consumer.assign(partitions)
    messages = consumer.consume(1, 30)
    started, cpu_s = time.perf_counter(), time.process_time()
    while len(messages) < wanted:
        messages += consumer.consume(min(5_000, wanted - len(messages)), 1.0)
    took, cpu_s = time.perf_counter() - started, time.process_time() - cpu_s
    consumer.close()
    return [(message.key() or b"", message.value() or b"") for message in messages], took, cpu_s


def main() -> None:
    records, took, cpu_s = read()
    count = len(records)
    limits = [("librdkafka, consume only", count / took, cpu_s)]
    started = time.process_time()
    for _, value in records:
        decode(value)
    cpu_s = time.process_time() - started
    limits.append(("decode only", count / cpu_s, cpu_s))
    states: dict[bytes, State] = {}
    started = time.process_time()
    for key, value in records:
        fold(states.setdefault(key, {}), decode(value))
    cpu_s = time.process_time() - started
    limits.append(("decode and fold in memory", count / cpu_s, cpu_s))
    print(json.dumps([{"what": what, "rate": rate, "cpu_s": spent} for what, rate, spent in limits]))


if __name__ == "__main__":
    main()
