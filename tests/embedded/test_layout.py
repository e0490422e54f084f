"""Ports for stacks beside each other: no two processes get the same, however long before they listen on it."""

import socket
import subprocess
import sys

from embedded.layout import Ports, free_ports
from settings import Serving, Settings

_MANY = "import sys; from embedded.layout import free_ports; print(*free_ports(2_000), flush=True); sys.stdin.read()"


def test_processes_that_live_beside_each_other_get_different_ports() -> None:
    others = [
        subprocess.Popen([sys.executable, "-c", _MANY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        theirs = [int(port) for other in others for port in (other.stdout.readline() if other.stdout else "").split()]
        own = free_ports(2_000)
        assert len({*own, *theirs}) == 6_000
    finally:
        for other in others:
            other.communicate()


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert listener.getsockname()[1] not in free_ports(100)


def test_a_stack_listens_where_clients_look_for_it() -> None:
    assert Ports().kafka == 9092
    assert f":{Ports().registry}/" in Settings().registry
    assert Settings().clickhouse.url.endswith(f":{Ports().clickhouse}")
    assert Ports().api == Serving().api_port == 8090
