"""The warehouse: what is in Kafka, in ClickHouse, for whoever asks in SQL."""
