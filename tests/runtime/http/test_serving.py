"""What clients cannot do to a server by sending slowly, little or nothing, or by not reading: on real sockets."""

import socket
import threading
import time

import httpx
import psutil
import pytest

from runtime.http.connections import Limits
from runtime.http.protocols import MAX_HEADERS, MAX_PIPELINED
from tests.runtime.http.servers import (
    DEADLINE_S,
    GET,
    LARGE_BYTES,
    App,
    Parser,
    Server,
    answer,
    ended,
    is_open,
    serving,
)
from tests.support.waiting import wait_until

SHORT = Limits(head_timeout_s=0.4, idle_timeout_s=0.8, unread_timeout_s=0.8, connections_per_address=0)
FEW = Limits(connections_per_address=20)
# We serve with httptools; h11, which is guarded alike, is left to the long form.
PARSERS = pytest.mark.parametrize("parser", ["httptools", pytest.param("h11", marks=pytest.mark.soak)])
HALF_HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
HALF_BODY = b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n\r\n{"
CHUNKED = b"POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


def dribble(client: socket.socket, byte: bytes) -> None:
    """Send a byte now and then, until the server ends the connection."""
    deadline = time.monotonic() + DEADLINE_S
    while is_open(client):
        assert time.monotonic() < deadline, "the server waits for ever"
        try:
            client.sendall(byte)
        except ConnectionError:
            return
        time.sleep(0.05)


def flood(client: socket.socket, data: bytes, most_bytes: int) -> int:
    """Send again and again until the server ends the connection: how many bytes it took."""
    sent = 0
    try:
        while sent < most_bytes and is_open(client):
            sent += client.send(data)
    except ConnectionError:
        pass
    return sent


@PARSERS
def test_a_head_that_is_sent_byte_by_byte_is_cut(parser: Parser) -> None:
    with serving(SHORT, parser) as server:
        client = server.connect()
        client.sendall(HALF_HEAD)
        dribble(client, b"x")
        assert answer(client).startswith(b"HTTP/1.1 408 ")


@PARSERS
def test_a_second_head_that_is_not_finished_is_cut_as_well(parser: Parser) -> None:
    with serving(SHORT, parser) as server:
        client = server.connect()
        client.sendall(GET)
        assert answer(client).endswith(b"ok")
        client.sendall(HALF_HEAD)
        assert answer(client).startswith(b"HTTP/1.1 408 ")


@PARSERS
@pytest.mark.parametrize("before", [b"", GET])
def test_a_connection_without_a_request_is_closed(parser: Parser, before: bytes) -> None:
    with serving(SHORT, parser) as server:
        client = server.connect()
        client.sendall(before)
        assert ended(client)
        wait_until(lambda: server.connections == 0, "the connection to be closed")


def test_empty_lines_are_no_request() -> None:
    with serving(SHORT) as server:
        dribble(server.connect(), b"\r\n")
        wait_until(lambda: server.connections == 0, "the connection to be closed")


@PARSERS
def test_a_body_that_is_answered_before_it_has_come_does_not_keep_the_connection(parser: Parser) -> None:
    with serving(SHORT, parser) as server:
        client = server.connect()
        client.sendall(HALF_BODY.replace(b"/body", b"/early"))
        assert answer(client).endswith(b"ok")
        dribble(client, b"x")
        wait_until(lambda: server.connections == 0, "the connection to be closed")


@PARSERS
@pytest.mark.parametrize("request_line", [b"GET /large HTTP/1.1", b"GET /large HTTP/1.0"])
def test_a_client_that_does_not_read_its_answer_is_dropped(parser: Parser, request_line: bytes) -> None:
    with serving(SHORT, parser) as server:
        client = server.connect()
        client.sendall(request_line + b"\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: server.connections == 1, "the connection")
        wait_until(lambda: server.connections == 0, "the connection to be closed")


def test_a_client_that_does_not_read_the_last_bytes_is_dropped() -> None:
    """The answer is complete, the connection is to be closed, and what is buffered cannot be sent."""
    with serving(SHORT) as server:
        client = server.connect()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * MAX_PIPELINED)
        client.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        wait_until(lambda: server.connections == 1, "the connection")
        wait_until(lambda: server.connections == 0, "the connection to be closed")


@PARSERS
def test_a_client_that_reads_slowly_gets_its_whole_answer(parser: Parser) -> None:
    limits = Limits(unread_timeout_s=2.0, connections_per_address=0)  # a full machine lets a reader wait for a while
    with serving(limits, parser) as server:
        client = server.connect()
        client.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        started, received = time.monotonic(), 0
        while piece := client.recv(256 * 1024):
            received += len(piece)
            if time.monotonic() - started < 2 * limits.unread_timeout_s:
                time.sleep(0.1)
        assert received > LARGE_BYTES


@PARSERS
def test_neither_a_long_answer_nor_a_slow_body_is_cut(parser: Parser) -> None:
    app = App()
    with serving(SHORT, parser, app) as server:
        waiting, sending = server.connect(), server.connect()
        waiting.sendall(GET.replace(b"/ ", b"/wait "))
        sending.sendall(HALF_BODY.replace(b"5000000", b"31"))
        for _ in range(30):
            time.sleep(4 * SHORT.idle_timeout_s / 30)
            sending.sendall(b"x")
        app.go()
        assert answer(sending).endswith(b"31")
        assert answer(waiting).endswith(b"ok")


@PARSERS
@pytest.mark.parametrize("sent", [b"", b"G", HALF_HEAD, GET, HALF_BODY, HALF_BODY.replace(b"/body", b"/early")])
def test_many_connections_of_one_address_keep_nobody_out(parser: Parser, sent: bytes) -> None:
    with serving(Limits(connections_per_address=64), parser) as server:
        clients = [server.connect() for _ in range(300)]
        for client in clients:
            try:
                client.sendall(sent)
            except ConnectionError:
                continue  # made room already
        assert server.ask("127.0.0.2").endswith(b"ok")
        assert server.ask("127.0.0.1").endswith(b"ok")
        assert server.connections <= 65


@PARSERS
def test_many_addresses_together_keep_nobody_out(parser: Parser) -> None:
    with serving(Limits(connections=100), parser) as server:
        for number in range(300):
            server.connect(f"127.0.1.{1 + number % 200}").sendall(HALF_HEAD)
        assert server.ask("127.0.0.2").endswith(b"ok")
        assert server.connections <= 100


@PARSERS
def test_connections_that_were_used_are_kept_before_those_that_were_not(parser: Parser) -> None:
    with serving(FEW, parser) as server:
        used = server.connect()
        used.sendall(GET)
        assert answer(used).endswith(b"ok")
        for _ in range(100):
            server.connect()
        assert server.ask().endswith(b"ok")
        used.sendall(GET)
        assert answer(used).endswith(b"ok")


@PARSERS
def test_where_all_connections_are_at_work_a_new_one_is_asked_to_come_again(parser: Parser) -> None:
    app = App()
    with serving(FEW, parser, app) as server:
        busy = [server.connect() for _ in range(FEW.connections_per_address)]
        for client in busy:
            client.sendall(GET.replace(b"/ ", b"/wait "))
            assert app.waiting.acquire(timeout=DEADLINE_S)
        refused = [server.ask() for _ in range(200)]
        assert {one.partition(b"\r\n")[0] for one in refused} == {b"HTTP/1.1 503 Service Unavailable"}
        assert b"\r\nRetry-After: " in refused[0]
        assert server.ask("127.0.0.2").endswith(b"ok")
        app.go()
        assert all(answer(client).endswith(b"ok") for client in busy)
        wait_until(lambda: server.ask().endswith(b"ok"), "an answer")


def test_without_a_limit_for_each_address_all_may_come_from_a_proxy() -> None:
    app = App()
    with serving(Limits(connections_per_address=0), app=app) as server:
        busy = [server.connect() for _ in range(300)]
        for client in busy:
            client.sendall(GET.replace(b"/ ", b"/wait "))
            assert app.waiting.acquire(timeout=DEADLINE_S)
        app.go()
        assert all(answer(client).endswith(b"ok") for client in busy)


@PARSERS
@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"GET / HTTP/1.1\r\n", b"X-One: 1\r\n"),
        (b"GET / HTTP/1.1\r\n", b"a:\r\n" * 16_000),
        (b"GET / HTTP/1.1\r\nX-Long: ", b"x" * 1024),
        (b"GET / HTTP/1.1\r\nX-Long: ", b"x" * 64_000),
        (b"GET /", b"x" * 1024),
        (b"GET / HTTP/1.1\r\n" + b"x" * 60_000, b"x" * 1024),
    ],
)
def test_a_head_without_end_is_refused(parser: Parser, begin: bytes, more: bytes) -> None:
    with serving(Limits(), parser) as server:
        client = server.connect()
        client.sendall(begin)
        flood(client, more, 8 * 1024 * 1024)
        assert answer(client).startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))
        assert ended(client)


@PARSERS
def test_a_whole_head_that_is_too_large_is_refused_and_a_large_one_is_not(parser: Parser) -> None:
    def sized(size: int) -> bytes:
        return b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * size + b"\r\n\r\n"

    with serving(Limits(), parser) as server:
        assert server.ask(request=sized(60_000)).endswith(b"ok")
        for size in (70_000, 200_000):
            assert server.ask(request=sized(size)).startswith(b"HTTP/1.1 431 ")


@PARSERS
def test_so_many_headers_and_no_more(parser: Parser) -> None:
    def numbered(count: int) -> bytes:
        return b"GET / HTTP/1.1\r\n" + b"Host: localhost\r\n" + b"a: b\r\n" * (count - 1) + b"\r\n"

    with serving(Limits(), parser) as server:
        assert server.ask(request=numbered(MAX_HEADERS)).endswith(b"ok")
        assert server.ask(request=numbered(MAX_HEADERS + 1)).startswith(b"HTTP/1.1 431 ")


@PARSERS
@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"1\r\nx\r\n0\r\n", b"X-One: 1\r\n"),
        (b"1\r\nx\r\n0\r\nX-Long: ", b"x" * 1024),
        (b"1;", b"x" * 1024),
        (b"1;a=", b"x" * 1024),
    ],
)
def test_what_follows_a_body_or_a_chunk_ends_as_well(parser: Parser, begin: bytes, more: bytes) -> None:
    """Trailers, and extensions of chunks."""
    with serving(Limits(), parser) as server:
        client = server.connect()
        client.sendall(CHUNKED + begin)
        most = 64 * 1024 * 1024
        assert flood(client, more, most) < most
        assert ended(client)


@PARSERS
def test_trailers_are_no_headers(parser: Parser) -> None:
    app = App()
    with serving(Limits(), parser, app) as server:
        request = CHUNKED + b"1\r\nx\r\n0\r\nAuthorization: Basic eA==\r\n\r\n"
        assert server.ask(request=request).endswith(b"1")
        assert b"authorization" not in dict(app.headers)


@PARSERS
def test_a_body_of_small_chunks_is_read_whole(parser: Parser) -> None:
    count = 100_000
    with serving(Limits(), parser) as server:
        assert server.ask(request=CHUNKED + b"1\r\nx\r\n" * count + b"0\r\n\r\n").endswith(b"%d" % count)


@PARSERS
def test_requests_may_follow_each_other_without_waiting(parser: Parser) -> None:
    post = b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000
    with serving(Limits(), parser) as server:
        client = server.connect()
        client.sendall(GET + GET)
        assert [answer_of_length(client, 2) for _ in range(2)] == [b"ok", b"ok"]
        client.sendall(post + GET[:20])
        assert answer_of_length(client, 6) == b"200000"
        client.sendall(GET[20:])
        assert answer_of_length(client, 2) == b"ok"


def answer_of_length(client: socket.socket, length: int) -> bytes:
    """The body of one answer, and not a byte of the next."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    return b"".join(client.recv(1) for _ in range(length))


def test_a_flood_of_requests_that_nobody_has_answered_is_refused() -> None:
    app = App()
    with serving(Limits(), app=app) as server:
        client = server.connect()
        client.sendall(GET.replace(b"/ ", b"/wait ") + GET * (MAX_PIPELINED + 1))
        assert answer(client).startswith(b"HTTP/1.1 400 ")
        app.go()
        patient = server.connect()
        patient.sendall(GET * (MAX_PIPELINED + 1))
        assert [answer_of_length(patient, 2) for _ in range(MAX_PIPELINED + 1)] == [b"ok"] * (MAX_PIPELINED + 1)


@PARSERS
def test_what_is_no_http_is_refused_in_our_form(parser: Parser) -> None:
    with serving(Limits(), parser) as server:
        refused = server.ask(request=b"\x16\x03\x01\x02\x00 hello\r\n\r\n")
        assert refused.startswith(b"HTTP/1.1 400 ")
        assert b'{"error": {"code": "invalid_request", ' in refused


@PARSERS
def test_clients_that_keep_their_connections_are_served(parser: Parser) -> None:
    with serving(SHORT, parser) as server, httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client:
        for _ in range(50):
            assert client.get("/").text == "ok"
            assert client.post("/body", content=b"x" * 100_000).text == "100000"
        assert server.connections == 1


@PARSERS
def test_a_server_that_stops_finishes_what_is_under_way(parser: Parser) -> None:
    app = App()
    with serving(Limits(), parser, app) as server:
        client, idle = server.connect(), server.connect()
        client.sendall(GET.replace(b"/ ", b"/wait "))
        assert app.waiting.acquire(timeout=DEADLINE_S)
        server.stop()
        assert ended(idle)
        app.go()
        assert answer(client).endswith(b"ok")


@PARSERS
def test_after_an_attack_the_process_is_as_before(parser: Parser, is_long: bool) -> None:
    process = psutil.Process()

    def attack(server: Server) -> None:
        clients = [server.connect(f"127.0.2.{1 + number % 8}") for number in range(400)]
        for number, client in enumerate(clients):
            flood(client, (HALF_HEAD, HALF_BODY, HALF_HEAD + b"x" * 60_000, b"")[number % 4], 60_000)
        for client in clients:
            client.close()
        wait_until(lambda: server.connections == 0, "the connection to be closed")

    with serving(SHORT, parser) as server:
        attack(server)
        threads, memory, files = threading.active_count(), process.memory_info().rss, process.num_fds()
        for _ in range(4 if is_long else 2):
            attack(server)
        assert threading.active_count() == threads
        assert process.num_fds() <= files + 5
        assert process.memory_info().rss < memory + 32 * 1024 * 1024
