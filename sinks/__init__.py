"""Takes out of Kafka what others read elsewhere: rows for ClickHouse. Deciding about people is left to `streams`."""
