"""Which hosts are this machine's own."""

import pytest

from runtime.loopback import LOOPBACK_NAMES, is_loopback


@pytest.mark.parametrize("host", [*LOOPBACK_NAMES, "127.0.0.2", "::ffff:127.0.0.1"])
def test_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.0.2.7", "collect.example.com", "127.0.0.1.example.com"])
def test_every_other_host_may_be_reached_from_elsewhere(host: str) -> None:
    assert not is_loopback(host)
