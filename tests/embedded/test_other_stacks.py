"""Which ports are left where others have some."""

import socket

import msgspec

from embedded.layout import Ports, free_ports, is_free
from embedded.other_stacks import free_instead

LOW = 22_000
"""Ports that lie 10,000 higher are still below those that systems give to outgoing connections."""


def test_a_port_is_replaced_by_one_that_looks_like_it_and_is_free() -> None:
    port = next(port for port in free_ports(100) if port < LOW and is_free(port + 10_000))
    ports, wanted = msgspec.structs.replace(Ports.free(), http=port), port + 10_000
    assert free_instead(ports, ["http"]) == {"http": wanted}
    with socket.create_server(("127.0.0.1", wanted)):
        (other,) = free_instead(ports, ["http"]).values()
        assert other != wanted
        assert is_free(other)


def test_ports_that_are_given_otherwise_and_those_beyond_the_highest_are_not_proposed() -> None:
    ports = Ports.free()
    ports = msgspec.structs.replace(ports, api=ports.http + 10_000, kafka=60_000)
    instead = free_instead(ports, ["http", "kafka"])
    assert instead.keys() == {"http", "kafka"}
    assert instead["http"] != ports.api
    assert all(port <= 65_535 for port in instead.values())
