package cdp;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The job: one event folded into the state of its key. The same as fold.py. */
final class Fold {
  static final int SEGMENTS = 20;
  static final int COUNTERS = 6;

  private static final long MINUTE = 60_000L, HOUR = 60 * MINUTE, DAY = 24 * HOUR, SESSION_GAP = 30 * MINUTE;
  private static final String[] COUNTED = {"page", "page", "order", "track", "order", "track"};
  private static final long[] BUCKET_MS = {MINUTE, HOUR, DAY, DAY, HOUR, HOUR};
  private static final int[] KEPT = {5, 24, 30, 7, 24, 24};
  private static final Map<String, int[]> COUNTERS_OF = new HashMap<>();
  private static final int[][] SEGMENTS_OF = new int[COUNTERS][];

  static {
    for (String type : List.of("page", "track", "order")) {
      List<Integer> counters = new ArrayList<>();
      for (int j = 0; j < COUNTERS; j++) if (COUNTED[j].equals(type)) counters.add(j);
      COUNTERS_OF.put(type, counters.stream().mapToInt(x -> x).toArray());
    }
    for (int j = 0; j < COUNTERS; j++) {
      List<Integer> segments = new ArrayList<>();
      for (int s = 0; s < SEGMENTS; s++) if (s % COUNTERS == j) segments.add(s);
      SEGMENTS_OF[j] = segments.stream().mapToInt(x -> x).toArray();
    }
  }

  /** The state of a key. */
  static final class Profile {
    int n;
    long first, last;
    final Map<String, String> traits = new HashMap<>();
    long sessionStart, sessionEnd;
    int sessionEvents;
    String url;
    @SuppressWarnings("unchecked")
    final Map<Long, Integer>[] windows = new Map[COUNTERS];
    final long[] entered = new long[SEGMENTS]; // 0: not a member

    Profile() {
      for (int j = 0; j < COUNTERS; j++) windows[j] = new HashMap<>(4);
    }
  }

  /** Told of each segment that a key enters or leaves. */
  interface Changes {
    void change(int segment, boolean in, long ts, int n);
  }

  static void fold(Profile p, String type, long ts, Map<String, String> ids, String url, Changes changes) {
    if (p.n == 0) {
      p.first = ts;
      p.last = ts;
    }
    p.n++;
    if (ts < p.first) p.first = ts;
    if (ts > p.last) p.last = ts;
    p.traits.putAll(ids);
    if (p.sessionEvents > 0 && ts - p.sessionEnd < SESSION_GAP) {
      p.sessionEnd = ts;
      p.sessionEvents++;
    } else {
      p.sessionStart = ts;
      p.sessionEnd = ts;
      p.sessionEvents = 1;
      p.url = url;
    }
    for (int j : COUNTERS_OF.get(type)) {
      Map<Long, Integer> window = p.windows[j];
      long bucket = ts / BUCKET_MS[j], before = bucket - KEPT[j];
      window.merge(bucket, 1, Integer::sum);
      if (window.size() > KEPT[j]) window.keySet().removeIf(at -> at <= before);
      int total = 0;
      for (Map.Entry<Long, Integer> entry : window.entrySet()) if (entry.getKey() > before) total += entry.getValue();
      for (int s : SEGMENTS_OF[j]) {
        boolean in = total >= 1 + s % 5;
        if (in != (p.entered[s] != 0)) {
          p.entered[s] = in ? ts : 0;
          changes.change(s, in, ts, p.n);
        }
      }
    }
  }

  private Fold() {}
}
