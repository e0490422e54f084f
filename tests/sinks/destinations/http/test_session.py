"""What a session leaves alone: proxies of the environment, cookies, bad certificates, odd addresses."""

import ssl

import pytest
import trustme
from aiohttp import web

from embedded.layout import free_ports
from sinks.destinations.contract import Refused, Retry
from sinks.destinations.http.session import Answer, HttpSession
from tests.sinks.destinations.contract import TIMEOUT_S, run
from tests.sinks.destinations.receiver import HttpReceiver, always


async def posted(url: str, session: HttpSession, **headers: str) -> Answer | Retry | Refused:
    try:
        return await session.request("POST", url, b"{}", headers)
    finally:
        await session.close()


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def request() -> tuple[object, int, int]:
        async with HttpReceiver(always(200)) as proxy, HttpReceiver(always(200)) as receiver:
            for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
                monkeypatch.setenv(name, proxy.url)
            answer = await posted(receiver.url, HttpSession(TIMEOUT_S, allow_private=True))
            return answer, len(receiver.requests), len(proxy.requests)

    answer, taken, by_proxy = run(request())
    assert isinstance(answer, Answer)
    assert (taken, by_proxy) == (1, 0)


def test_where_nobody_listens_the_systems_reason_comes_first() -> None:
    (port,) = free_ports(1)

    async def request() -> Answer | Retry | Refused:
        return await posted(f"http://127.0.0.1:{port}/", HttpSession(TIMEOUT_S, allow_private=True))

    answer = run(request())
    assert isinstance(answer, Retry)
    assert answer.reason == "network"
    assert answer.detail == f"Connection refused: no connection to 127.0.0.1:{port}"


def test_cookies_are_not_sent_back() -> None:
    async def request() -> list[dict[str, str]]:
        async with HttpReceiver(always(200, b"{}", Set_Cookie="a=1; Path=/")) as receiver:
            session = HttpSession(TIMEOUT_S, allow_private=True)
            for _ in range(2):
                await session.request("POST", receiver.url + "/", b"{}", {})
            await session.close()
            return [each.headers for each in receiver.requests]

    headers = run(request())
    assert len(headers) == 2
    assert all("cookie" not in each for each in headers)


@pytest.mark.parametrize(("is_trusted", "expected"), [(True, Answer), (False, Retry)])
def test_a_certificate_that_nobody_vouches_for_is_no_connection(is_trusted: bool, expected: type) -> None:
    authority = trustme.CA()
    served, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(served)
    authority.configure_trust(trusting)

    async def request() -> tuple[object, int]:
        taken = 0

        async def take(_: web.BaseRequest) -> web.StreamResponse:
            nonlocal taken
            taken += 1
            return web.Response()

        runner = web.ServerRunner(web.Server(take), shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=served).start()
        session = HttpSession(TIMEOUT_S, allow_private=True, tls=trusting if is_trusted else None)
        answer = await posted(f"https://127.0.0.1:{runner.addresses[0][1]}/", session)
        await runner.cleanup()
        return answer, taken

    answer, taken = run(request())
    assert type(answer) is expected, answer
    assert taken == int(is_trusted)
    if isinstance(answer, Retry):
        assert answer.reason == "network"


@pytest.mark.parametrize(
    "url",
    [
        "http://a b/",
        "http://a/\r\nX: y",
        "http://user:pass@a/",
        "file:///etc/passwd",
        "http://a\\@b/",
        f"http://{70 * 'a'}.example/",
    ],
)
def test_what_is_no_address_is_an_outcome(url: str) -> None:
    async def request() -> object:
        return await posted(url, HttpSession(TIMEOUT_S))

    outcome = run(request())
    assert isinstance(outcome, Refused | Retry), outcome
    assert "pass@" not in outcome.detail


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\x00b"])
def test_a_header_that_would_begin_another_one_is_not_sent(value: str) -> None:
    async def request() -> tuple[object, int]:
        async with HttpReceiver(always(200)) as receiver:
            return await posted(receiver.url, HttpSession(TIMEOUT_S, allow_private=True), X=value), len(
                receiver.requests
            )

    outcome, taken = run(request())
    assert isinstance(outcome, Refused), outcome
    assert taken == 0


def test_of_a_request_no_header_and_no_secret_parameter_is_kept_though_nobody_named_them() -> None:
    async def request() -> Answer | Retry | Refused:
        async with HttpReceiver(always(200)) as receiver:
            session = HttpSession(TIMEOUT_S, allow_private=True)
            url = f"{receiver.url}/hook?robot=7&access_token=t0ken"
            return await posted(
                url, session, **{"X-Anything": "v4lue", "Webhook-Signature": "v1,s1gned", "Webhook-Id": "k"}
            )

    answer = run(request())
    kept = answer.exchange.request
    assert "robot=7&access_token=***" in kept
    assert "Webhook-Id: k" in kept
    assert not any(secret in kept for secret in ("t0ken", "v4lue", "s1gned"))
