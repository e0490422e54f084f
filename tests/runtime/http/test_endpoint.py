"""What the port of a process answers, whatever the process is doing."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest
from prometheus_client import Counter

from runtime.http.endpoint import LIMITS, Endpoint
from runtime.http.plain import plain_client
from tests.support import plain

ASKED = Counter("onefold_test_asked", "Counted by this test only.")


class Readiness:
    """Why a process is not ready, as a test sets it."""

    def __init__(self) -> None:
        self.reason: str | None = None

    def __call__(self) -> str | None:
        return self.reason


@pytest.fixture
def readiness() -> Readiness:
    return Readiness()


@pytest.fixture
def endpoint(readiness: Readiness) -> Iterator[Endpoint]:
    with Endpoint("127.0.0.1", 0, readiness) as serving:
        yield serving


def get(endpoint: Endpoint, path: str) -> httpx.Response:
    with plain_client(timeout_s=10) as client:
        return client.get(f"http://127.0.0.1:{endpoint.port}{path}")


def test_metrics_are_those_of_the_process(endpoint: Endpoint) -> None:
    ASKED.inc()
    answer = get(endpoint, "/metrics?name[]=all")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "onefold_test_asked_total 1.0" in answer.text


def test_readiness_is_asked_each_time_and_gives_its_reason(endpoint: Endpoint, readiness: Readiness) -> None:
    readiness.reason = "waiting for its partitions"
    answer = get(endpoint, "/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "reason": "waiting for its partitions"})
    assert get(endpoint, "/health/live").status_code == 200
    readiness.reason = None
    assert (get(endpoint, "/health/ready").status_code, get(endpoint, "/health/ready").json()["status"]) == (
        200,
        "ready",
    )


def test_another_path_says_which_there_are(endpoint: Endpoint) -> None:
    answer = get(endpoint, "/")
    assert (answer.status_code, "/metrics" in answer.json()["error"]) == (404, True)


def test_it_answers_while_the_process_computes(endpoint: Endpoint) -> None:
    deadline = time.monotonic() + 10
    with ThreadPoolExecutor(1) as asking:
        answer = asking.submit(get, endpoint, "/health/live")
        while not answer.done():
            assert time.monotonic() < deadline, "no answer in time"
    assert answer.result().json() == {"status": "live"}


def test_a_taken_port_is_an_error_and_a_closed_endpoint_frees_it(readiness: Readiness) -> None:
    with Endpoint("127.0.0.1", 0, readiness) as first, pytest.raises(OSError, match="in use"):
        Endpoint("127.0.0.1", first.port, readiness)
    with Endpoint("127.0.0.1", first.port, readiness) as second:
        assert get(second, "/health/live").status_code == 200


def test_connections_cost_no_threads_and_keep_nobody_out(endpoint: Endpoint) -> None:
    assert get(endpoint, "/metrics").status_code == 200
    threads = psutil.Process().num_threads()
    clients = [socket.create_connection(("127.0.0.1", endpoint.port)) for _ in range(200)]
    try:
        for number, client in enumerate(clients):
            if number % 2:
                send_if_open(client, b"GET /metrics HTTP/1.1\r\nX-Slow: ")
        assert get(endpoint, "/health/live").status_code == 200
        assert psutil.Process().num_threads() == threads
    finally:
        for client in clients:
            client.close()


def send_if_open(client: socket.socket, data: bytes) -> None:
    with contextlib.suppress(ConnectionError):  # it made room for others
        client.sendall(data)


def test_many_scrapes_at_once_are_answered_by_few_texts(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[int] = []

    def slowly() -> bytes:
        texts.append(threading.active_count())
        time.sleep(0.05)
        return b"text"

    monkeypatch.setattr("runtime.http.endpoint.generate_latest", slowly)
    scrapes = LIMITS.connections_per_address // 2
    with ThreadPoolExecutor(scrapes) as asking:
        answers = list(asking.map(lambda _: get(endpoint, "/metrics").text, range(scrapes)))
    assert answers == ["text"] * scrapes
    assert len(texts) < scrapes / 2


@pytest.mark.parametrize("path", ["/metrics", "/health/live", "/health/ready", "/"])
@pytest.mark.parametrize(
    "headers", [{"Host": "rebound.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://shop.example"}]
)
def test_no_web_page_reads_it(endpoint: Endpoint, path: str, headers: dict[str, str]) -> None:
    answer = plain.get(f"http://127.0.0.1:{endpoint.port}{path}", headers=headers)
    (name,) = headers
    assert (answer.status_code, answer.json()["error"]["field"]) == (403, name)


def test_names_that_are_trusted_are_answered(readiness: Readiness) -> None:
    with Endpoint("127.0.0.1", 0, readiness, ("worker.example",)) as serving:
        answer = plain.get(f"http://127.0.0.1:{serving.port}/health/live", headers={"Host": "worker.example"})
    assert answer.status_code == 200


def test_nothing_but_reading_is_answered(endpoint: Endpoint) -> None:
    url = f"http://127.0.0.1:{endpoint.port}/health/live"
    assert plain.post(url).status_code == 405
    assert plain.head(url).status_code == 200
