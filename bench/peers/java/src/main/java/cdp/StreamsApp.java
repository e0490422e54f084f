package cdp;

import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** Kafka Streams: Processor API, one RocksDB store with its changelog. Arguments: cache|nocache THREADS GUARANTEE. */
public final class StreamsApp {
  private static final String STORE = "profiles";
  private static final long CACHE_BYTES = 10 << 20;

  private static final class CdpFold implements Processor<String, byte[], String, String> {
    private final Event event = new Event();
    private ProcessorContext<String, String> context;
    private KeyValueStore<String, Fold.Profile> profiles;

    @Override
    public void init(ProcessorContext<String, String> given) {
      context = given;
      profiles = given.getStateStore(STORE);
    }

    @Override
    @SuppressWarnings("unchecked")
    public void process(Record<String, byte[]> record) {
      GenericRecord e = event.decode(record.value());
      String key = record.key();
      Fold.Profile profile = profiles.get(key);
      if (profile == null) profile = new Fold.Profile();
      String url = ((Map<String, String>) e.get("props")).get("url");
      Fold.fold(profile, (String) e.get("type"), (Long) e.get("ts"), (Map<String, String>) e.get("ids"), url,
          (segment, in, ts, n) -> context.forward(record.withValue("{\"id\":\"" + key + "\",\"s\":\"s" + segment
              + "\",\"in\":" + in + ",\"ts\":" + ts + ",\"n\":" + n + "}")));
      profiles.put(key, profile);
      Noted.note(key, profile.n);
    }
  }

  public static void main(String[] arguments) {
    boolean cache = arguments[0].equals("cache");
    Map<String, String> given = System.getenv();
    Properties config = new Properties();
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, given.get("PEERS_RUN"));
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, given.get("PEERS_KAFKA"));
    config.put(StreamsConfig.STATE_DIR_CONFIG, given.get("PEERS_FOLDER"));
    config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, arguments[1]);
    config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, "2000");
    config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, arguments[2]);
    config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, "1");
    config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, Long.toString(cache ? CACHE_BYTES : 0));
    config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");

    StoreBuilder<KeyValueStore<String, Fold.Profile>> store = Stores.keyValueStoreBuilder(
        Stores.persistentKeyValueStore(STORE), Serdes.String(), ProfileSerde.serde()).withLoggingEnabled(Map.of());
    StreamsBuilder topology = new StreamsBuilder();
    topology.addStateStore(cache ? store.withCachingEnabled() : store.withCachingDisabled());
    topology.stream(given.get("PEERS_INPUT"), Consumed.with(Serdes.String(), Serdes.ByteArray()))
        .process(CdpFold::new, STORE)
        .to(given.get("PEERS_OUTPUT"), Produced.with(Serdes.String(), Serdes.String()));

    KafkaStreams streams = new KafkaStreams(topology.build(), config);
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    Noted.start(Path.of(given.get("PEERS_RESULTS")));
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }
}
