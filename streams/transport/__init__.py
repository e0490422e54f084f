"""Faust's Kafka transport, changed where docs/decisions/0003 says so: whole batches, own positions, own recovery.

Pinned to faust-streaming 0.15.3, of which it overrides private methods; tests/streams/transport says which. Leaves what
a batch leads to, and when it is acknowledged, to `streams.tasks`.
"""

from streams.transport.consumer import Transport
from streams.transport.recovery import TableManager

__all__ = ["TableManager", "Transport"]
