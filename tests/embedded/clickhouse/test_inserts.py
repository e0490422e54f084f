"""Inserts over ClickHouse's HTTP protocol."""

import gzip
import json
from collections.abc import Callable, Iterator

import lz4.frame
import pyarrow as pa
import pytest
import zstandard

from tests.embedded.clickhouse.conftest import Server

TABLE = (
    "CREATE TABLE t (a UInt32, b String) ENGINE = MergeTree ORDER BY a"
    " SETTINGS non_replicated_deduplication_window = 1000"
)
FORMATS = [
    "Native", "ArrowStream", "Arrow", "Parquet", "ORC", "Avro", "JSONEachRow", "JSON", "JSONCompactEachRow",
    "CSV", "CSVWithNames", "TabSeparated", "TabSeparatedWithNames", "RowBinary", "RowBinaryWithNamesAndTypes",
    "MsgPack", "Values",
]  # fmt: skip
# NUL bytes, line breaks, quotes and invalid UTF-8: what a text format must escape and a binary one carry.
ROWS = "SELECT number::UInt32 AS a, multiIf(a % 3 = 0, '\\n\\0''\"', a % 3 = 1, unhex('FFFE00'), repeat('x', a)) AS b"


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_brings_back_what_the_engine_wrote(server: Server, name: str) -> None:
    server.ask(TABLE)
    select = f"{ROWS} FROM numbers(400)" + (" WHERE a % 3 != 1" if name.startswith("JSON") else "")
    data = server.http.post("/", content=f"{select} FORMAT {name}").content
    response = server.http.post("/", params={"query": f"INSERT INTO t (a, b) FORMAT {name}"}, content=data)
    assert response.status_code == 200, response.text
    rows = int(server.ask(f"SELECT count() FROM ({select})"))
    assert json.loads(response.headers["x-clickhouse-summary"])["written_rows"] == str(rows)
    assert server.ask(f"SELECT count() FROM t WHERE (a, b) IN ({select})") == str(rows)
    assert server.ask("SELECT count() FROM t") == str(rows)


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [("gzip", gzip.compress), ("lz4", lz4.frame.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
def test_the_whole_statement_may_be_in_a_compressed_body(
    server: Server, encoding: str, encode: Callable[[bytes], bytes]
) -> None:
    server.ask(TABLE)
    body = encode(b"INSERT INTO t FORMAT CSV\n" + b'1,"x"\n' * 200_000)
    response = server.http.post("/", content=body, headers={"Content-Encoding": encoding})
    assert response.status_code == 200, response.text
    assert server.ask("SELECT count() FROM t") == "200000"


def test_a_chunked_body_larger_than_memory_allows_is_written(server: Server) -> None:
    server.ask(TABLE)

    def lines() -> Iterator[bytes]:
        for number in range(100):
            yield b"%d,%s\n" % (number, b"y" * 100_000)

    response = server.http.post("/", params={"query": "INSERT INTO t FORMAT CSV"}, content=lines())
    assert response.status_code == 200, response.text
    assert server.ask("SELECT count(), sum(length(b)) FROM t") == "100\t10000000"


def test_values_may_be_expressions(server: Server) -> None:
    server.ask(TABLE)
    server.ask("INSERT INTO t (b, a) VALUES ('x', 1 + 1), (upper('y'), length('abc'));")
    assert server.ask("SELECT * FROM t ORDER BY a FORMAT Values") == "(2,'x'),(3,'Y')"


def test_insert_select_counts_its_rows(server: Server) -> None:
    server.ask(TABLE)
    response = server.http.post("/", content="INSERT INTO t SELECT number, '' FROM numbers(5)")
    assert json.loads(response.headers["x-clickhouse-summary"])["written_rows"] == "5"


@pytest.mark.parametrize("token_in", ["url", "statement"])
def test_a_token_lets_a_block_in_once(server: Server, token_in: str) -> None:
    server.ask(TABLE)
    clause = "SETTINGS insert_deduplication_token = 'block-1'" if token_in == "statement" else ""
    url = {"insert_deduplication_token": "block-1"} if token_in == "url" else {}
    # Large enough to reach the engine in several pieces, which must still be one block.
    data = b'7,"abcdefghijklmnopqrstuvwxyz"\n' * 100_000
    for _ in range(3):
        server.ask(f"INSERT INTO t (a, b) {clause} FORMAT CSV\n".encode() + data, **url)
        assert server.ask("SELECT count() FROM t") == "100000"
    server.ask(b"INSERT INTO t FORMAT CSV\n" + data, insert_deduplication_token="block-2")
    assert server.ask("SELECT count() FROM t") == "200000"


def test_an_asynchronous_insert_is_written_when_answered(server: Server) -> None:
    server.ask(TABLE)
    server.ask('INSERT INTO t FORMAT JSONEachRow {"a": 1, "b": "x"}', async_insert="1", wait_for_async_insert="1")
    assert server.ask("SELECT * FROM t") == "1\tx"


@pytest.mark.parametrize(
    ("statement", "data", "code"),
    [
        ("INSERT INTO t FORMAT Native", b"garbage, not a block", 33),
        ("INSERT INTO t FORMAT CSV", b"1,x\nnot a number,y\n", 27),
        ("INSERT INTO t (nope) FORMAT CSV", b"1\n", 16),
        ("INSERT INTO t FORMAT Nope", b"1\n", 73),
        ("INSERT INTO t", b"1\n", 62),
    ],
)
def test_faulty_data_is_an_error_and_leaves_no_rows(server: Server, statement: str, data: bytes, code: int) -> None:
    server.ask(TABLE)
    response = server.http.post("/", params={"query": statement}, content=data)
    assert response.headers["x-clickhouse-exception-code"] == str(code), response.text
    assert server.ask("SELECT count() FROM t") == "0"


def test_a_body_cut_off_in_its_compression_leaves_no_rows(server: Server) -> None:
    server.ask(TABLE)
    body = gzip.compress(b'1,"x"\n' * 100_000)[:-20]
    response = server.http.post(
        "/", params={"query": "INSERT INTO t FORMAT CSV"}, content=body, headers={"Content-Encoding": "gzip"}
    )
    assert response.headers["x-clickhouse-exception-code"] == "271"
    assert server.ask("SELECT count() FROM t") == "0"


def test_clickhouse_connect_inserts_rows_and_arrow(server: Server) -> None:
    client = server.client()
    client.command(
        "CREATE TABLE t (a UInt64, j JSON, m Map(String, UInt8), n Nullable(Int32)) ENGINE = MergeTree ORDER BY a"
    )
    summary = client.insert("t", [[1, {"k": {"l": 2}}, {"x": 1}, None], [2, {}, {}, 5]])
    assert summary.written_rows == 2
    assert client.query("SELECT a, j.k.l, m['x'], n FROM t ORDER BY a").result_rows == [
        (1, 2, 1, None),
        (2, None, 0, 5),
    ]
    assert client.insert_arrow("t", pa.table({"a": pa.array([3], pa.uint64())})).written_rows == 1
    assert client.query_arrow("SELECT a FROM t ORDER BY a").column("a").to_pylist() == [1, 2, 3]
    client.close()


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_clickhouse_connect_compresses_both_ways(server: Server, compress: str | bool) -> None:
    server.ask(TABLE)
    client = server.client(compress=compress)
    client.insert("t", [[number, f"row {number}"] for number in range(50_000)], column_names=["a", "b"])
    with client.query_row_block_stream("SELECT a, b FROM t ORDER BY a") as blocks:
        rows = [row for block in blocks for row in block]
    assert rows == [(number, f"row {number}") for number in range(50_000)]
    client.close()
