"""Which names a server answers to, and which web pages may ask it."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from runtime.http.trust import TrustedHosts
from runtime.loopback import is_loopback


async def ok(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def status(app: TrustedHosts, *headers: tuple[str, str], **scope: Any) -> int:
    """The status of the answer to a request with these headers."""
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("nobody reads the body")

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    request = {"type": "http", "method": "GET", "path": "/", "server": ("127.0.0.1", 8080), "headers": raw} | scope
    asyncio.run(app(request, receive, send))
    answered = sent[0]["status"]
    assert isinstance(answered, int)
    return answered


LOCAL = TrustedHosts(ok, "127.0.0.1", for_pages=lambda method, path: (method, path) == ("POST", "/v1/t"))
OWN = ("host", "localhost:8080")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8080", "LocalHost:1", "[::1]:8080", "[0:0:0:0:0:0:0:1]"])
def test_on_loopback_its_names_are_answered_with_any_port(host: str) -> None:
    assert status(LOCAL, ("host", host)) == 200


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example",
        "rebound.example:8080",
        "127.0.0.1.rebound.example",
        "localhost.rebound.example",
        "rebound.example:8080@localhost",
        "localhost@rebound.example",
        "localhost:8080:8080",
        "localhost:port",
        "localhost:",
        "localhost, rebound.example",
        "localhost rebound.example",
        "localhost.",
        "local\xadhost",
        "\u00b9\u00b2\u00b7.0.0.1",
        "[::1",
        "::1",
        "[::ffff:192.0.2.7]",
        "[not:an:address]",
        "192.0.2.7",
        "127.0.0.2",
        "",
        " ",
    ],
)
def test_on_loopback_every_other_name_is_refused(host: str) -> None:
    assert status(LOCAL, ("host", host)) == 403


def test_a_request_names_the_server_once() -> None:
    anywhere = TrustedHosts(ok, "0.0.0.0")
    for app in (LOCAL, anywhere):
        assert status(app) == 403
        assert status(app, OWN, OWN) == 403
        assert status(app, OWN, ("host", "rebound.example")) == 403


def test_names_of_the_operator_are_answered_beside_those_of_loopback() -> None:
    app = TrustedHosts(ok, "127.0.0.1", ("collect.example.com", "*.shop.example"))
    for name in ("collect.example.com", "COLLECT.example.com:443", "www.shop.example", "a.b.shop.example", "localhost"):
        assert status(app, ("host", name)) == 200
    for name in ("shop.example", "evilshop.example", "example.com", "www.collect.example.com"):
        assert status(app, ("host", name)) == 403


def test_elsewhere_every_name_is_answered_unless_there_are_trusted_ones() -> None:
    assert status(TrustedHosts(ok, "0.0.0.0"), ("host", "worker:9101")) == 200
    assert status(TrustedHosts(ok, "0.0.0.0"), ("host", "worker:9101@x")) == 403
    app = TrustedHosts(ok, "::", ("collect.example.com",))
    assert status(app, ("host", "worker:9101")) == 403
    assert status(app, ("host", "collect.example.com")) == 200
    probed: dict[str, Any] = {"server": ("::ffff:10.0.0.7", 9101)}
    assert status(app, ("host", "10.0.0.7:9101"), **probed) == 200
    assert status(app, ("host", "10.0.0.8:9101"), **probed) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "whatever"])
def test_on_loopback_pages_of_other_origins_get_only_what_is_for_them(site: str) -> None:
    foreign = ("sec-fetch-site", site)
    assert status(LOCAL, OWN, foreign) == 403
    assert status(LOCAL, OWN, foreign, ("sec-fetch-mode", "navigate")) == 403
    assert status(LOCAL, OWN, foreign, path="/v1/t") == 403
    assert status(LOCAL, OWN, foreign, path="/v1/t", method="POST") == 200
    assert status(LOCAL, ("host", "rebound.example"), foreign, path="/v1/t", method="POST") == 403


@pytest.mark.parametrize("origin", ["https://shop.example", "null", "", "file://localhost", "http://[", "localhost"])
def test_on_loopback_the_origin_counts_for_browsers_that_send_no_site(origin: str) -> None:
    assert status(LOCAL, OWN, ("origin", origin)) == 403
    assert status(LOCAL, OWN, ("origin", origin), path="/v1/t", method="POST") == 200
    assert status(TrustedHosts(ok, "0.0.0.0"), OWN, ("origin", origin)) == 200


@pytest.mark.parametrize(
    "headers",
    [(), (("sec-fetch-site", "none"),), (("sec-fetch-site", "same-origin"), ("origin", "http://localhost:8080"))],
)
def test_on_loopback_a_typed_address_and_own_pages_are_answered(headers: tuple[tuple[str, str], ...]) -> None:
    assert status(LOCAL, OWN, *headers) == 200


def test_loopback_is_what_only_this_machine_reaches() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.0.2.7", "collect.example.com", "127.0.0.1.example.com", "")))
