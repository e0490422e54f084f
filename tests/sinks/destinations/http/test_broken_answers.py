"""Answers that break off, never end, or are packed: what is read of them, and that their status counts."""

import gzip
import zlib

import pytest
from aiohttp import web

from definitions.receivers.http import InnerStatus
from sinks.destinations.contract import Delivered, Retry
from sinks.destinations.http.inner import outcome_within
from sinks.destinations.http.session import MAX_ANSWER_BYTES, Answer, HttpSession
from tests.sinks.destinations.contract import SHORT_S, TIMEOUT_S, run
from tests.sinks.destinations.receiver import Answering, HttpReceiver, always, endless


def answer_to(answering: Answering, timeout_s: float = TIMEOUT_S, max_answer_bytes: int = MAX_ANSWER_BYTES) -> Answer:
    async def request() -> Answer:
        async with HttpReceiver(answering) as receiver:
            session = HttpSession(timeout_s, allow_private=True)
            try:
                answer = await session.request("POST", receiver.url + "/", b"{}", {}, max_answer_bytes)
            finally:
                await session.close()
        assert isinstance(answer, Answer), answer
        return answer

    return run(request())


def packed(body: bytes, encoding: str) -> Answering:
    return always(200, body, Content_Encoding=encoding)


def test_an_answer_is_read_as_it_is() -> None:
    answer = answer_to(always(200, b'{"a": 1}'))
    assert answer.json() == {"a": 1}
    assert answer.is_whole


@pytest.mark.parametrize("piece", [b"x", b"x" * 100_000])
def test_one_that_never_ends_has_a_status_all_the_same(piece: bytes) -> None:
    answer = answer_to(endless(piece, 0.01), SHORT_S if piece == b"x" else TIMEOUT_S)
    assert answer.status == 200
    assert not answer.is_whole
    assert len(answer.body) <= MAX_ANSWER_BYTES
    assert answer.json() is None


def test_one_that_breaks_off_has_a_status_all_the_same() -> None:
    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=202, headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"id": 1}')
        assert request.transport is not None
        request.transport.close()
        return response

    answer = answer_to(break_off)
    assert answer.status == 202
    assert not answer.is_whole
    assert answer.json() is None


def test_headers_may_be_long() -> None:
    answer = answer_to(always(202, b"1", Content_Security_Policy="x" * 30_000))
    assert (answer.status, answer.body) == (202, b"1")


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_an_error_may_stand_within_what_cannot_be_read(encoding: str) -> None:
    outcome = outcome_within(answer_to(packed(b"[1]", encoding)), InnerStatus("error"))
    assert isinstance(outcome, Retry)
    assert isinstance(outcome_within(answer_to(always(200)), InnerStatus("error")), Delivered)


def test_an_answer_of_exactly_the_limit_is_whole() -> None:
    assert answer_to(always(200, b"1" * 100), max_answer_bytes=100).is_whole
    assert not answer_to(always(200, b"1" * 101), max_answer_bytes=100).is_whole


def test_packed_answers_are_unpacked() -> None:
    assert answer_to(packed(gzip.compress(b"[1]"), "gzip")).json() == [1]
    assert answer_to(packed(zlib.compress(b"[1]"), "deflate")).json() == [1]


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"[1]", "gzip"), (gzip.compress(b"[1]")[:-9], "gzip"), (b"[1]", "br"), (gzip.compress(b" " * 9_000_000), "gzip")],
    ids=["not packed", "cut", "unknown", "bomb"],
)
def test_what_cannot_be_unpacked_has_a_status_all_the_same(body: bytes, encoding: str) -> None:
    answer = answer_to(packed(body, encoding))
    assert answer.status == 200
    assert not answer.is_whole
    assert len(answer.body) <= MAX_ANSWER_BYTES
    assert answer.json() is None


def test_a_connection_is_used_again_after_a_short_answer() -> None:
    async def request() -> set[object]:
        ports = set()

        async def answering(asked: web.Request) -> web.StreamResponse:
            assert asked.transport is not None
            ports.add(asked.transport.get_extra_info("peername"))
            return web.Response(body=b"{}")

        async with HttpReceiver(answering) as receiver:
            session = HttpSession(TIMEOUT_S, allow_private=True)
            for _ in range(3):
                await session.request("POST", receiver.url + "/", b"{}", {})
            await session.close()
        return ports

    assert len(run(request())) == 1
