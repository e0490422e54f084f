"""Kafka clients without stream processing: producing, offsets, reading to the end. Records are left to `schemas`."""
