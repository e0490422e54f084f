"""What leaves the stream: rows for ClickHouse. Reads topics, decides nothing about people."""
