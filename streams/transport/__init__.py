"""Faust's Kafka transport, changed where docs/decisions/0003 says so: whole chunks, own positions, own recovery.

Pinned to faust-streaming 0.15.3, of which it overrides private methods; tests/streams/transport says which.
"""

from streams.transport.consumer import Transport
from streams.transport.recovery import TableManager

__all__ = ["TableManager", "Transport"]
