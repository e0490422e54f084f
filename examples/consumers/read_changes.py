"""Reads changes of memberships, and triggers, from Kafka and prints each as a line of JSON.

Put your own code in place of `handle`.

    python read_changes.py segments
    python read_changes.py activation.webshop_mail --group mailer --from beginning

It needs `pip install "confluent-kafka[avro,schemaregistry]"`. ONEFOLD_KAFKA and ONEFOLD_REGISTRY say where to read.
"""

import argparse
import json
import os
from collections import OrderedDict
from datetime import datetime
from typing import Any

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

KAFKA = os.environ.get("ONEFOLD_KAFKA", "127.0.0.1:9092")
REGISTRY = os.environ.get("ONEFOLD_REGISTRY", "http://127.0.0.1:8081/apis/ccompat/v7")


def handle(record: dict[str, Any]) -> None:
    """Do something with a change, or with a trigger, which has a `trigger_id`.

    After a crash the last ones come once more: other processes do not know them yet.
    """
    print(json.dumps(record, ensure_ascii=False, default=datetime.isoformat), flush=True)


def opened(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with its JSON texts read: the traits of a change, the payload of a trigger."""
    return record | {name: json.loads(record[name] or "{}") for name in ("traits", "payload") if name in record}


class Remembered:
    """The ids of the latest records."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._ids: OrderedDict[str, None] = OrderedDict()

    def is_new(self, record_id: str) -> bool:
        """Return whether an id was not given before, and remember it."""
        if record_id in self._ids:
            return False
        self._ids[record_id] = None
        if len(self._ids) > self._most:
            self._ids.popitem(last=False)
        return True


def read(topic: str, group: str, start: str, number: int | None) -> None:
    """Handle the records of a topic, for ever or so many."""
    decode = AvroDeserializer(SchemaRegistryClient({"url": REGISTRY, "timeout": 10}))  # without, it waits for ever
    consumer = Consumer(
        {
            "bootstrap.servers": KAFKA,
            "group.id": group,
            # Where to begin as long as the group has committed nothing; from then on it goes on where it was.
            "auto.offset.reset": "earliest" if start == "beginning" else "latest",
            # Onefold writes in transactions: what was broken off is never shown.
            "isolation.level": "read_committed",
            # A topic that was made just now is known within seconds, instead of five minutes.
            "topic.metadata.refresh.interval.ms": 5_000,
            # An offset is committed only once its record is handled, so a crash repeats records and loses none.
            "enable.auto.offset.store": False,
        }
    )
    consumer.subscribe([topic])
    remembered, handled = Remembered(), 0
    try:
        while handled != number:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error():
                raise KafkaException(message.error())
            record = decode(message.value(), SerializationContext(topic, MessageField.VALUE))
            if remembered.is_new(record.get("change_id") or record["trigger_id"]):
                handle(opened(record))
                handled += 1
            consumer.store_offsets(message)
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()  # commits what is stored, and leaves the group


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("topic", help="segments, triggers, or activation.NAME of a destination")
    parser.add_argument("--group", default="example-python", help="readers of one group share the work")
    parser.add_argument("--from", dest="start", choices=("beginning", "now"), default="now")
    parser.add_argument("--number", type=int, help="end after so many records")
    options = parser.parse_args()
    read(options.topic, options.group, options.start, options.number)
