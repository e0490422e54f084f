"""Which addresses a destination may lead to."""

import asyncio
import ipaddress

import pytest

from definitions.receivers.mail import Mail
from definitions.receivers.values import Secret
from definitions.receivers.webhook import Webhook
from sinks.destinations.contract import Refused
from sinks.destinations.http.public import forbidden_urls, is_public
from sinks.destinations.http.session import HttpSession

PRIVATE = [
    "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254",
    "ff02::1", "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::", "2002:a00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "168.63.129.16", "192.0.0.192", "100.100.100.200", "::127.0.0.1", "64:ff9b:1::a00:1", "2001:db8::1", "240.0.0.1",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_is_found(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_let_through(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fe80::1%25lo]",
        "①②⑦.0.0.1",
        "127.0.0.1.",
        "0",
        "017700000001",
        "[0:0:0:0:0:ffff:7f00:1]",
        "LOCALHOST",
    ],
)
def test_no_spelling_of_the_own_machine_is_let_through(host: str) -> None:
    async def send() -> object:
        session = HttpSession(5)
        try:
            return await session.request("POST", f"http://{host}:9/", b"{}", {})
        finally:
            await session.close()

    outcome = asyncio.run(send())
    assert isinstance(outcome, Refused), outcome
    assert outcome.reason in {"forbidden_address", "unmappable"}  # the client takes some spellings for no address


@pytest.mark.parametrize("host", ["127.0.0.1:9", "[::1]", "localhost", "LOCALHOST:80", "10.0.0.1", "169.254.169.254"])
def test_a_definition_that_leads_into_the_house_is_known_before_anything_is_sent(host: str) -> None:
    url = f"http://{host}/hook?token=hunter2"
    (said,) = forbidden_urls(Webhook(url))
    assert said.startswith("url: ")
    assert "is not public (allow it by `allow_private: true`" in said
    assert "hunter2" not in said
    assert list(forbidden_urls(Webhook(url, allow_private=True))) == []


def test_what_a_definition_does_not_say_is_left_to_the_moment_of_sending() -> None:
    receivers = [
        Webhook("https://shop.example/hook"),
        Webhook("https://93.184.216.34/hook"),
        Webhook(Secret(env="HOOK_URL")),
        Mail("127.0.0.1", "news@shop.example"),
        None,
    ]
    assert [said for each in receivers for said in forbidden_urls(each)] == []
