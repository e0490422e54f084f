"""Errors over HTTP: their form, and that a handler's failure is answered and shows no values in the log."""

import logging
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from runtime.http.answers import Boundary, error_response


async def failing(_request: Request) -> Response:
    raise KeyError("ada@example.com")


async def failing_midway(_request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        raise KeyError("ada@example.com")

    return StreamingResponse(pieces())


@pytest.fixture
def client() -> TestClient:
    routes = [Route("/", failing), Route("/midway", failing_midway)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Boundary)]))


def test_a_failure_is_answered_and_logged_without_its_values(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = client.get("/")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "KeyError at " in caplog.text
    assert "ada@example.com" not in caplog.text


def test_a_failure_after_the_answer_has_begun_answers_no_second_time(client: TestClient) -> None:
    assert client.get("/midway").content == b"first"


@pytest.mark.parametrize(
    ("status", "headers"), [(503, {"retry-after": "2"}), (408, {"connection": "close"}), (400, {})]
)
def test_an_error_says_how_to_go_on(status: int, headers: dict[str, str]) -> None:
    answer = error_response(status, "code", "message", "field")
    assert answer.status_code == status
    assert answer.body == b'{"error":{"code":"code","message":"message","field":"field"}}'
    assert {name: answer.headers[name] for name in headers} == headers
    assert len(answer.headers) == 2 + len(headers)
