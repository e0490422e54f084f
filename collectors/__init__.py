"""Takes events in, over HTTP and from files, and writes them to Kafka. What they mean for profiles is `streams`'."""
