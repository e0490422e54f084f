"""The three real stages over logs in memory, read in any interleaving that Kafka could produce, and a rebuilder."""
