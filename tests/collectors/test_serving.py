"""Which requests the collector answers at all, and that no client keeps the others out: the real process, alone."""

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.collectors.processes import collector_process
from tests.support import plain
from tests.support.process import ModuleProcess

DEADLINE_S = 30.0
NOWHERE = {"ONEFOLD_HTTP_PORT": "0", "ONEFOLD_KAFKA": "127.0.0.1:1", "ONEFOLD_REGISTRY": "http://127.0.0.1:1"}
READS = [
    "/health/live",
    "/health/ready",
    "/metrics",
    "/v1/profiles/user_id:u",
    "/v1/identity/devices",
    "/none",
]
HALF_HEAD = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
HALF_BODY = b"POST /v1/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n\r\n{"


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleProcess]:
    settings = {"ONEFOLD_OPEN_READS": "1", "ONEFOLD_TRUSTED_HOSTS": "*.example.com"}
    with collector_process(NOWHERE | settings, tmp_path_factory.mktemp("collector") / "log") as process:
        yield process


@pytest.mark.parametrize("path", READS)
def test_a_rebound_name_reads_nothing(collector: ModuleProcess, path: str) -> None:
    port = urlsplit(collector.url).port
    for host in ("rebound.test", f"rebound.test:{port}", f"localhost.rebound.test:{port}"):
        answer = plain.get(f"{collector.url}{path}", headers={"Host": host})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "untrusted_host")
        assert "ONEFOLD_TRUSTED_HOSTS" in answer.json()["error"]["message"]
        assert answer.json()["error"]["field"] == "Host"


@pytest.mark.parametrize("path", ["/v1/t", "/v1/batch/", "/v1/identity/unmerge"])
def test_a_rebound_name_changes_nothing(collector: ModuleProcess, path: str) -> None:
    for headers in ({"Host": "rebound.test"}, {"Host": "rebound.test", "Sec-Fetch-Site": "same-origin"}):
        answer = plain.post(f"{collector.url}{path}", json={}, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "untrusted_host")


@pytest.mark.parametrize("path", READS)
def test_a_page_of_another_site_asks_nothing(collector: ModuleProcess, path: str) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://shop.test"}):
        answer = plain.get(f"{collector.url}{path}", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "untrusted_page")
    post = plain.post(f"{collector.url}/v1/identity/unmerge", json={}, headers={"Sec-Fetch-Site": "cross-site"})
    assert post.status_code == 403


@pytest.mark.parametrize("path", ["/v1/profiles/user_id:u", "/v1/identity/devices", "/v1/identity/explain/a:b"])
def test_who_looks_something_up_here_is_told_where_the_api_is(collector: ModuleProcess, path: str) -> None:
    for answer in (plain.get(f"{collector.url}{path}"), plain.post(f"{collector.url}{path}", json={})):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_here")
        assert "the API, on port 8090" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("method", "path"), [("POST", "/track"), ("POST", "/v2/track"), ("GET", "/v1/track")])
def test_who_sends_to_a_wrong_path_is_told_the_right_ones(collector: ModuleProcess, method: str, path: str) -> None:
    answer = plain.request(method, f"{collector.url}{path}")
    assert answer.status_code in {404, 405}
    assert "; calls are POSTed to /v1/identify, /v1/track, " in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/t", "/v1/t/", "/v1/batch"])
def test_a_page_of_another_site_sends_events(collector: ModuleProcess, path: str) -> None:
    page = {"Sec-Fetch-Site": "cross-site", "Origin": "https://shop.test"}
    preflight = plain.options(f"{collector.url}{path}", headers=page | {"Access-Control-Request-Method": "POST"})
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, "*")
    answer = plain.post(f"{collector.url}{path}", json={}, headers=page, auth=("unknown", ""))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unknown_write_key")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:8080", "collect.example.com"])
def test_names_of_this_machine_and_of_the_operator_are_answered(collector: ModuleProcess, host: str) -> None:
    assert plain.get(f"{collector.url}/health/live", headers={"Host": host}).status_code == 200


def test_a_collector_for_other_machines_is_called_as_they_like_or_as_the_operator_says(tmp_path: Path) -> None:
    open_to_all = NOWHERE | {"ONEFOLD_HTTP_HOST": "0.0.0.0"}
    with collector_process(open_to_all, tmp_path / "any") as process:
        assert status(process, {"Host": "collect.example.com"}) == 200
    with collector_process(open_to_all | {"ONEFOLD_TRUSTED_HOSTS": "collect.example.com"}, tmp_path / "one") as process:
        assert status(process, {"Host": "collect.example.com", "Sec-Fetch-Site": "cross-site"}) == 200
        assert status(process, {"Host": "other.example.com"}) == 403


def status(process: ModuleProcess, headers: dict[str, str]) -> int:
    url = process.url.replace("0.0.0.0", "127.0.0.1")
    return plain.get(f"{url}/health/live", headers=headers).status_code


@contextmanager
def few_files() -> Iterator[None]:
    """What is started within may open as many files as some systems allow a user's process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("sent", [b"", HALF_HEAD, HALF_BODY])
def test_one_address_cannot_keep_the_others_out(tmp_path: Path, sent: bytes) -> None:
    with ExitStack() as clients:
        with few_files():
            collector = clients.enter_context(collector_process(NOWHERE, tmp_path / "log"))
        address = ("127.0.0.1", urlsplit(collector.url).port)
        for _ in range(300):
            client = clients.enter_context(socket.create_connection(address))
            with suppress(ConnectionError):  # it made room already
                client.sendall(sent)
        for source in ("127.0.0.2", "127.0.0.1"):
            transport = httpx.HTTPTransport(local_address=source)
            with httpx.Client(transport=transport, timeout=DEADLINE_S) as asking:
                assert asking.get(f"{collector.url}/health/live").status_code == 200


def test_a_head_that_never_ends_is_cut(collector: ModuleProcess) -> None:
    deadline = time.monotonic() + DEADLINE_S
    with socket.create_connection(("127.0.0.1", urlsplit(collector.url).port)) as client:
        client.sendall(HALF_HEAD)
        client.settimeout(0.5)
        while time.monotonic() < deadline:
            try:
                assert client.recv(1024).startswith(b"HTTP/1.1 408 ")
                return
            except TimeoutError:
                client.sendall(b"x")
    raise AssertionError("the collector waits for ever")
