// Reads changes of memberships, and triggers, from Kafka and prints each as a line of JSON; put your own code in place
// of `handle`.
//
//     npm install
//     node read_changes.js segments
//     node read_changes.js activation.webshop_mail --group mailer --from beginning
//
// ONEFOLD_KAFKA and ONEFOLD_REGISTRY say where to read.

const { parseArgs } = require("node:util");
const { Kafka, CompressionCodecs, CompressionTypes, logLevel } = require("kafkajs");
const { SchemaRegistry } = require("@kafkajs/confluent-schema-registry");
const { compressFrame, decompressFrame } = require("lz4-napi");

const KAFKA = process.env.ONEFOLD_KAFKA ?? "127.0.0.1:9092";
const REGISTRY = process.env.ONEFOLD_REGISTRY ?? "http://127.0.0.1:8081/apis/ccompat/v7";
const REMEMBERED = 100_000;

// Onefold compresses with LZ4, which kafkajs leaves to others.
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: (encoder) => compressFrame(encoder.buffer),
  decompress: (buffer) => decompressFrame(buffer),
});

// Do something with a change, or with a trigger, which has a `trigger_id`. After a crash the last ones come once more:
// other processes do not know them yet.
async function handle(record) {
  console.log(JSON.stringify(record));
}

// A record with its JSON texts read: the traits of a change, the payload of a trigger.
function opened(record) {
  const texts = ["traits", "payload"].filter((name) => name in record);
  return { ...record, ...Object.fromEntries(texts.map((name) => [name, JSON.parse(record[name] || "{}")])) };
}

const ids = new Set(); // a Set keeps the order in which it was filled

function isNew(recordId) {
  if (ids.has(recordId)) return false;
  ids.add(recordId);
  if (ids.size > REMEMBERED) ids.delete(ids.values().next().value);
  return true;
}

async function main() {
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      group: { type: "string", default: "example-node" }, // readers of one group share the work
      from: { type: "string", default: "now" }, // beginning or now
      number: { type: "string" }, // end after so many records
    },
  });
  const [topic] = positionals;
  const most = Number(options.number ?? Infinity);
  const registry = new SchemaRegistry({ host: REGISTRY });
  const kafka = new Kafka({ clientId: "example", brokers: KAFKA.split(","), logLevel: logLevel.ERROR });
  // kafkajs reads what is committed alone unless it is told otherwise: what was broken off is never shown.
  const consumer = kafka.consumer({ groupId: options.group, readUncommitted: false });
  await consumer.connect();
  // Where to begin as long as the group has committed nothing; from then on it goes on where it was.
  await consumer.subscribe({ topics: [topic], fromBeginning: options.from === "beginning" });

  let handled = 0;
  const end = async () => {
    await consumer.disconnect();
    process.exit(0);
  };
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ topic, partition, message }) => {
      if (handled >= most) return;
      const record = await registry.decode(message.value);
      if (isNew(record.change_id ?? record.trigger_id)) {
        await handle(opened(record));
        handled += 1;
      }
      // Committed once it is handled, so a crash repeats a record and loses none.
      await consumer.commitOffsets([{ topic, partition, offset: (BigInt(message.offset) + 1n).toString() }]);
      if (handled >= most) setImmediate(end);
    },
  });
  process.on("SIGINT", end);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
