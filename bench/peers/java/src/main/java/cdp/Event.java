package cdp;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;

/** Confluent wire format to a generic record whose strings are Strings. One per thread. */
final class Event {
  private static final String TEXT = "{\"type\":\"string\",\"avro.java.string\":\"String\"}";
  private static final String TEXTS = "{\"type\":\"map\",\"values\":" + TEXT + ",\"avro.java.string\":\"String\"}";
  private static final Schema SCHEMA = new Schema.Parser().parse(
      "{\"type\":\"record\",\"name\":\"Event\",\"fields\":["
          + "{\"name\":\"event_id\",\"type\":" + TEXT + "},{\"name\":\"type\",\"type\":" + TEXT + "},"
          + "{\"name\":\"ts\",\"type\":\"long\"},"
          + "{\"name\":\"ids\",\"type\":" + TEXTS + "},{\"name\":\"props\",\"type\":" + TEXTS + "}]}");

  private final GenericDatumReader<GenericRecord> reader = new GenericDatumReader<>(SCHEMA);
  private BinaryDecoder decoder;

  GenericRecord decode(byte[] value) {
    if (value[0] != 0 || value[1] != 0 || value[2] != 0 || value[3] != 0 || value[4] != 1) {
      throw new IllegalStateException("not schema 1");
    }
    try {
      decoder = DecoderFactory.get().binaryDecoder(value, 5, value.length - 5, decoder);
      return reader.read(null, decoder);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
