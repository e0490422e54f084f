"""What the port of a process answers, whatever the process is doing."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from prometheus_client import Counter

from telemetry.endpoint import Endpoint

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
    return httpx.get(f"http://127.0.0.1:{endpoint.port}{path}")


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
