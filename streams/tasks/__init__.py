"""Tasks: one partition of one stage with its life cycle, isolation of poison and standby.

Leaves the way of a batch to `streams.processing`, and reading from Kafka to `streams.transport`.
"""
