package cdp;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** A compact binary form of a profile, written by hand. */
final class ProfileSerde {
  static Serde<Fold.Profile> serde() {
    return Serdes.serdeFrom((topic, p) -> p == null ? null : encode(p), (topic, b) -> b == null ? null : decode(b));
  }

  private static byte[] encode(Fold.Profile p) {
    try {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
      DataOutputStream out = new DataOutputStream(bytes);
      out.writeInt(p.n);
      out.writeLong(p.first);
      out.writeLong(p.last);
      out.writeByte(p.traits.size());
      for (var trait : p.traits.entrySet()) {
        write(out, trait.getKey());
        write(out, trait.getValue());
      }
      out.writeLong(p.sessionStart);
      out.writeLong(p.sessionEnd);
      out.writeInt(p.sessionEvents);
      write(out, p.url == null ? "" : p.url);
      for (var window : p.windows) {
        out.writeByte(window.size());
        for (var bucket : window.entrySet()) {
          out.writeInt((int) (long) bucket.getKey());
          out.writeInt(bucket.getValue());
        }
      }
      int members = 0;
      for (int s = 0; s < Fold.SEGMENTS; s++) if (p.entered[s] != 0) members |= 1 << s;
      out.writeInt(members);
      for (long at : p.entered) if (at != 0) out.writeLong(at);
      return bytes.toByteArray();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private static Fold.Profile decode(byte[] bytes) {
    try {
      DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
      Fold.Profile p = new Fold.Profile();
      p.n = in.readInt();
      p.first = in.readLong();
      p.last = in.readLong();
      for (int left = in.readUnsignedByte(); left > 0; left--) p.traits.put(read(in), read(in));
      p.sessionStart = in.readLong();
      p.sessionEnd = in.readLong();
      p.sessionEvents = in.readInt();
      p.url = read(in);
      for (var window : p.windows) {
        for (int left = in.readUnsignedByte(); left > 0; left--) window.put((long) in.readInt(), in.readInt());
      }
      int members = in.readInt();
      for (int s = 0; s < Fold.SEGMENTS; s++) if ((members >> s & 1) != 0) p.entered[s] = in.readLong();
      return p;
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private static void write(DataOutputStream out, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    out.writeShort(bytes.length);
    out.write(bytes);
  }

  private static String read(DataInputStream in) throws IOException {
    byte[] bytes = new byte[in.readUnsignedShort()];
    in.readFully(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private ProfileSerde() {}
}
