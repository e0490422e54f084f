"""The local stack: real Kafka, registry and ClickHouse with Onefold's processes, whose work is left to their rooms."""
