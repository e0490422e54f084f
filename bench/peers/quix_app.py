"""Quix Streams, as its documentation does it: `apply(stateful=True)` on a dataframe, then `to_topic`.

Argument: the processing guarantee.
"""

import sys

import given
from fold import decode, fold, output
from noted import Noted
from quixstreams import Application

noted = Noted()
app = Application(
    broker_address=given.KAFKA,
    consumer_group=given.RUN,
    auto_offset_reset="earliest",
    state_dir=given.FOLDER,
    loglevel="WARNING",
    commit_interval=given.COMMIT_INTERVAL_S,
    processing_guarantee=sys.argv[1],
)


def step(value, key, timestamp, headers, state):
    profile = state.get("p") or {}
    changes = fold(profile, decode(value))
    state.set("p", profile)
    noted.note(key, profile["n"])
    return [output(key, change) for change in changes]


events = app.topic(given.INPUT, value_deserializer="bytes", key_deserializer="str")
segments = app.topic(given.OUTPUT, value_serializer="json", key_serializer="str")
app.dataframe(events).apply(step, stateful=True, expand=True, metadata=True).to_topic(segments)
app.run()
