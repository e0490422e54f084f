"""Stock Faust, as its documentation does it: one agent, one RocksDB table with JSON values, a codec for the topic."""

import sys

import faust
import given
from faust.serializers import codecs
from fold import decode, fold, output
from noted import Noted


class EventCodec(codecs.Codec):
    def _loads(self, s):
        return decode(s)

    def _dumps(self, s):
        raise NotImplementedError


codecs.register("cdp-event", EventCodec())
noted = Noted()
app = faust.App(
    given.RUN,
    broker=f"kafka://{given.KAFKA}",
    store="rocksdb://",
    datadir=given.FOLDER,
    topic_partitions=4,
    topic_replication_factor=1,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    broker_commit_interval=given.COMMIT_INTERVAL_S,
    web_enabled=False,
)
events = app.topic(given.INPUT, key_type=str, key_serializer="raw", value_serializer="cdp-event")
segments = app.topic(given.OUTPUT, key_type=str, key_serializer="raw", value_serializer="json")
profiles = app.Table("profiles", default=dict, key_type=str, partitions=4)


@app.agent(events)
async def run(stream):
    async for key, event in stream.items():
        profile = profiles[key]
        changes = fold(profile, event)
        profiles[key] = profile
        noted.note(key, profile["n"])
        for change in changes:
            await segments.send(key=key, value=output(key, change))


if __name__ == "__main__":
    sys.argv = ["faust_app", "worker", "--without-web", "-l", "error"]
    app.main()
