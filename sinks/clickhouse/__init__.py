"""Writes what is in Kafka into the warehouse, once. Which tables and columns there are is left to `warehouse`."""
