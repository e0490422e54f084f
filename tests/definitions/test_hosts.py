"""Which names of hosts a receiver can be reached by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.receivers.hosts import why_no_host, why_no_server
from definitions.receivers.http import why_no_url


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "smtp.shop.example",
        "smtp.shop.example.",
        "mail_1.shop.example",
        "例子.cn",
        "127.0.0.1",
        "::1",
        "db-1",
    ],
)
def test_a_name_or_an_address_is_a_host(host: str) -> None:
    assert why_no_host(host) is None


@pytest.mark.parametrize(
    "host", ["", ".", "a..b", "-a.example", "a b", "a\nb", "a/b", "a@b", "a:25", "x" * 64, ".".join(["x" * 60] * 5)]
)
def test_what_no_resolver_takes_is_none(host: str) -> None:
    assert why_no_host(host) is not None


@given(st.text(max_size=80))
def test_what_is_taken_for_a_host_can_be_asked_for(host: str) -> None:
    if why_no_host(host) is None:
        assert host.encode("idna")
    why_no_server(host)
    why_no_url(f"https://{host}/")


@pytest.mark.parametrize("server", ["a.example", "a.example:9092", "[::1]:9092", "[::1]"])
def test_a_server_is_a_host_with_or_without_a_port(server: str) -> None:
    assert why_no_server(server) is None


@pytest.mark.parametrize("server", ["a:0", "a:b", ":9092", "a:65536", "a..b:1", "[::1]x"])
def test_a_server_without_a_host_or_with_no_port_is_none(server: str) -> None:
    assert why_no_server(server) is not None
