package cdp;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** What was folded: noted record by record, written to a file whenever it falls idle. The same as noted.py. */
final class Noted {
  private static final long IDLE_MS = 2_000;
  private static final AtomicLong RECORDS = new AtomicLong();
  private static final ConcurrentHashMap<String, Integer> COUNTS = new ConcurrentHashMap<>();
  private static volatile long firstAt, lastAt;

  static void note(String key, int n) {
    long now = System.currentTimeMillis();
    lastAt = now;
    if (RECORDS.incrementAndGet() == 1) firstAt = now;
    COUNTS.put(key, n);
  }

  static void start(Path folder) {
    Thread watch = new Thread(() -> watch(folder));
    watch.setDaemon(true);
    watch.start();
  }

  private static void watch(Path folder) {
    long written = 0;
    try {
      while (true) {
        Thread.sleep(250);
        long records = RECORDS.get();
        if (records != written && System.currentTimeMillis() - lastAt > IDLE_MS) {
          written = records;
          write(folder, records);
        }
      }
    } catch (Exception error) {
      error.printStackTrace();
    }
  }

  private static void write(Path folder, long records) throws Exception {
    StringBuilder text = new StringBuilder("{\"records\":").append(records).append(",\"first_at\":").append(firstAt / 1e3)
        .append(",\"last_at\":").append(lastAt / 1e3).append(",\"counts\":{");
    String comma = "";
    for (Map.Entry<String, Integer> entry : COUNTS.entrySet()) {
      text.append(comma).append('"').append(entry.getKey()).append("\":").append(entry.getValue());
      comma = ",";
    }
    Path partial = folder.resolve("java.partial");
    Files.writeString(partial, text.append("}}"));
    Files.move(partial, folder.resolve("java.json"), StandardCopyOption.REPLACE_EXISTING);
  }

  private Noted() {}
}
