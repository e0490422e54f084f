"""Requests that try to bring the process down; it must answer each and live."""

import socket

import pytest

from tests.embedded.clickhouse.conftest import Server
from tests.support import plain

pytestmark = [pytest.mark.stack, pytest.mark.soak(has_short_form=True)]


@pytest.fixture
def survivor(server: Server) -> Server:
    """The server, with a table to insert into; the test ends with `alive`."""
    server.ask("CREATE TABLE t (a UInt32, b String, c Array(String), j JSON) ENGINE = MergeTree ORDER BY a")
    return server


@pytest.mark.parametrize(
    "query",
    [
        b"SELECT '\x00'",
        b"SELECT \x00",
        b"\xff\xfe\x00",
        b"SELECT `\xff`",
        b"SELECT " + b"(" * 200_000,
        b"SELECT " + b"-" * 200_000 + b"1",
        b"SELECT " + b"[" * 100_000 + b"]" * 100_000,
        pytest.param(b"SELECT " + b"1+" * 100_000 + b"1", marks=pytest.mark.soak),
        b"SELECT '" + b"x" * 240_000,
        b"SELECT /* never closed",
        pytest.param(
            b"SELECT CAST(1 AS " + b"Array(" * 20_000 + b"UInt8" + b")" * 20_000 + b")", marks=pytest.mark.soak
        ),
        b"SELECT repeat('x', 1000000000000)",
        b"SELECT arrayMap(x -> x, range(1000000000000))",
        b"SELECT groupArray(number) FROM numbers(100000000000) SETTINGS max_memory_usage = 100000000",
        b"SELECT * FROM url('http://127.0.0.1:1/', CSV, 'a String') SETTINGS http_max_tries = 1",
        b"SELECT * FROM remote('127.0.0.1:1', system.one)",
        b"SELECT * FROM executable('nope', CSV, 'a String', (SELECT 1))",
        b"SELECT * FROM file('/nope', Native)",
        b"SELECT logTrace('x'), sleep(-1)",
        b"SELECT toTypeName(JSONExtract('{}', 'Tuple()'))",
        b"SYSTEM FLUSH LOGS",
        b"SYSTEM RELOAD CONFIG",
        b"BACKUP DATABASE default TO Disk('nope', 'x')",
        b"BEGIN TRANSACTION",
        b"CREATE FUNCTION f AS (x) -> f(x)",
        b"SELECT f(1)",
        b"DROP FUNCTION IF EXISTS f",
    ],
)
def test_hostile_queries_are_answered(survivor: Server, query: bytes) -> None:
    response = survivor.http.post("/", content=query)
    assert response.status_code in range(200, 600)
    assert survivor.alive()


@pytest.mark.parametrize(
    "name",
    [
        "Native",
        "Parquet",
        "RowBinary",
        *(
            pytest.param(name, marks=pytest.mark.soak)
            for name in ("ArrowStream", "Arrow", "ORC", "Avro", "MsgPack", "Npy")
        ),
    ],
)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\xff" * 1000,
        b"\x01\x01\x01a\x06UInt32\xff\xff",
        b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x01a\x06UInt32",
        b"\x04\x01\x01a\x06UInt32" + b"\x00" * 64,
        b"PAR1" + b"\xff" * 60 + b"PAR1",
        b"ARROW1\x00\x00" + b"\xff" * 100 + b"ARROW1",
        b"\xff\xff\xff\xff\x00\x00\x00\x7f",
        b"Obj\x01\x02\xff\xff",
    ],
)
def test_malformed_binary_data_is_an_error(survivor: Server, name: str, data: bytes) -> None:
    response = survivor.http.post("/", params={"query": f"INSERT INTO t FORMAT {name}"}, content=data)
    assert response.status_code == 200 or response.headers["x-clickhouse-exception-code"]
    assert survivor.alive()


def test_damaged_blocks_of_real_data_are_answered(survivor: Server, is_long: bool) -> None:
    pieces = 40 if is_long else 4
    select = "SELECT number::UInt32 AS a, toString(a) AS b, [b, b] AS c, '{\"k\": 1}'::JSON AS j FROM numbers(50)"
    for name in ("Native", "ArrowStream", "Parquet", "RowBinary"):
        table = select if name in ("Native", "RowBinary") else f"SELECT a, b, c FROM ({select})"
        data = survivor.http.post("/", content=f"{table} FORMAT {name}").content
        for at in range(0, len(data), max(1, len(data) // pieces)):
            damaged = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
            survivor.http.post("/", params={"query": f"INSERT INTO t FORMAT {name}"}, content=damaged)
            survivor.http.post("/", params={"query": f"INSERT INTO t FORMAT {name}"}, content=data[:at])
    assert survivor.alive()


@pytest.mark.parametrize("encoding", ["gzip", "lz4", "zstd", "deflate", "bz2", "xz"])
def test_one_byte_under_an_encoding_is_an_error(survivor: Server, encoding: str) -> None:
    response = survivor.http.post("/", content=b"x", headers={"Content-Encoding": encoding})
    assert response.headers["x-clickhouse-exception-code"] == "271"
    assert survivor.alive()


@pytest.mark.soak
def test_a_query_of_100_megabytes_is_too_long(survivor: Server) -> None:
    response = survivor.http.post("/", content=b"SELECT '" + b"x" * 100_000_000 + b"'")
    assert (response.status_code, "Max query size" in response.text) == (400, True)
    assert survivor.alive()


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: HERE\r\n\r\n", b"411"),
        (b"POST / HTTP/1.1\r\nHost: HERE\r\nContent-Length: 99999999999999\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nHost: HERE\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: HERE\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"\x00\xff\x00\r\n\r\n", b"400"),
        (b"GET /?query=%ff%00%zz HTTP/1.1\r\nHost: HERE\r\n\r\n", b"400"),
        (b"GET /?query=SELECT+1&query_id=%0d%0aX-Injected:1 HTTP/1.1\r\nHost: HERE\r\n\r\n", b"200"),
        (b"BREW / HTTP/1.1\r\nHost: HERE\r\n\r\n", b"501"),
    ],
)
def test_malformed_http_is_answered(survivor: Server, request_head: bytes, status: bytes) -> None:
    with socket.create_connection(("127.0.0.1", survivor.port), timeout=10) as connection:
        connection.sendall(request_head.replace(b"HERE", b"localhost:%d" % survivor.port))
        answer = connection.recv(65536)
    assert answer.split(b" ")[1] == status
    assert b"\r\nX-Injected" not in answer
    assert survivor.alive()


def test_a_client_that_leaves_in_its_body_writes_nothing(survivor: Server) -> None:
    head = b"POST /?query=INSERT+INTO+t+(a)+FORMAT+CSV HTTP/1.1\r\nHost: HERE\r\nContent-Length: 1000\r\n\r\n1\n2\n"
    head = head.replace(b"HERE", b"localhost:%d" % survivor.port)
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", survivor.port)) as connection:
            connection.sendall(head)
    assert survivor.alive()
    assert survivor.ask("SELECT count() FROM t") == "0"


def test_a_client_that_does_not_read_stops_nobody(survivor: Server) -> None:
    request = b"GET /?query=SELECT+number+FROM+system.numbers HTTP/1.1\r\nHost: HERE\r\n\r\n"
    request = request.replace(b"HERE", b"localhost:%d" % survivor.port)
    lazy = [socket.create_connection(("127.0.0.1", survivor.port)) for _ in range(5)]
    for connection in lazy:
        connection.sendall(request)
    for _ in range(20):
        assert plain.post(survivor.url, content="SELECT 1").text == "1\n"
    for connection in lazy:
        connection.close()
    assert survivor.alive()
