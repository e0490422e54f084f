"""Kafka clients that are no stream processing: offsets, producing, reading to the end. Topics and their records are `schemas`."""
