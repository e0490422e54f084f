"""Bytewax, as its documentation does it: Kafka source, `stateful_flat_map`, Kafka sink; its recovery store is on.

The state is in memory, with snapshots in SQLite; there is no changelog.
"""

import json

import bytewax.operators as op
import given
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from confluent_kafka import OFFSET_BEGINNING
from fold import decode, fold, output
from noted import Noted

noted = Noted()


def step(profile, value):
    profile = {} if profile is None else profile
    event = decode(value)
    changes = fold(profile, event)
    key = event["ids"]["anonymous_id"]
    noted.note(key, profile["n"])
    return profile, [output(key, change) for change in changes]


flow = Dataflow("cdp-fold")
source = KafkaSource([given.KAFKA], [given.INPUT], starting_offset=OFFSET_BEGINNING, batch_size=1000)
keyed = op.map("keyed", op.input("events", flow, source), lambda message: (message.key.decode(), message.value))
changes = op.stateful_flat_map("fold", keyed, step)
messages = op.map("message", changes, lambda of: KafkaSinkMessage(of[0].encode(), json.dumps(of[1]).encode()))
op.output("segments", messages, KafkaSink([given.KAFKA], given.OUTPUT))
