"""Queries over ClickHouse's HTTP protocol."""

import json
import urllib.request

import httpx
import pytest

from embedded.clickhouse.encodings import decode
from tests.embedded.clickhouse.conftest import Server


@pytest.mark.parametrize("path", ["/ping", "/health/ready", "/replicas_status", "/"])
def test_health_paths_say_ok(server: Server, path: str) -> None:
    response = server.http.get(path)
    assert (response.status_code, response.text) == (200, "Ok.\n")


def test_an_unknown_path_is_not_found(server: Server) -> None:
    assert server.http.get("/nope").status_code == 404


def test_the_url_and_the_body_are_joined_by_a_line_break(server: Server) -> None:
    assert server.http.post("/", params={"query": "SELECT"}, content="1 + 1").text == "2\n"
    assert server.http.post("/", params={"query": "SEL"}, content="ECT 1").status_code == 400


def test_an_answer_carries_clickhouses_headers(server: Server) -> None:
    query = {"query": "SELECT number FROM numbers(7)", "query_id": "mine", "default_format": "JSONEachRow"}
    response = server.http.get("/", params=query)
    assert response.headers["x-clickhouse-query-id"] == "mine"
    assert response.headers["x-clickhouse-format"] == "JSONEachRow"
    assert response.headers["content-type"] == "application/x-ndjson; charset=UTF-8"
    assert "x-clickhouse-timezone" in response.headers
    assert "x-clickhouse-server-display-name" in response.headers
    assert json.loads(response.headers["x-clickhouse-summary"])["result_rows"] == "7"


def test_parameters_are_typed_and_escaped(server: Server) -> None:
    answer = server.ask(
        "SELECT {a:UInt8} + 1, {s:String} = 'a\\tb\\'', {l:Array(String)}, {n:Nullable(String)} IS NULL",
        param_a="4",
        param_s="a\\tb'",
        param_l="['p','q']",
        param_n="\\N",
    )
    assert answer == "5\t1\t['p','q']\t1"


def test_a_parameter_may_be_longer_than_a_query(server: Server) -> None:
    url = f"{server.url}/?param_x={'x' * 600_000}"
    with urllib.request.urlopen(url, data=b"SELECT length({x:String})") as response:
        assert response.read() == b"600000\n"


def test_the_database_comes_from_the_url_or_the_header(server: Server) -> None:
    assert server.ask("SELECT currentDatabase()", database="system") == "system"
    headers = {"X-ClickHouse-Database": "system", "X-ClickHouse-Format": "CSV", "X-ClickHouse-User": "someone"}
    assert server.http.post("/", content="SELECT currentDatabase()", headers=headers).text == '"system"\n'


@pytest.mark.parametrize(
    ("sql", "parameters", "status", "code"),
    [
        ("SELEC 1", {}, 400, 62),
        ("", {}, 400, 62),
        ("SELECT 1; SELECT 2", {}, 400, 62),
        ("SELECT nope", {}, 404, 47),
        ("SELECT * FROM nope", {}, 404, 60),
        ("INSERT INTO nope FORMAT CSV 1", {}, 404, 60),
        ("SELECT nope()", {}, 404, 46),
        ("SELECT 1 FORMAT Nope", {}, 404, 73),
        ("SELECT 1", {"database": "nope"}, 404, 81),
        ("SELECT 1", {"nope": "1"}, 404, 115),
        ("SELECT 1", {"no' pe": "1"}, 404, 115),
        ("SELECT 1", {"max_threads": "x"}, 400, 27),
        ("SELECT {a:String}", {}, 500, 456),
        ("SELECT 1 INTO OUTFILE 'x'", {}, 500, 358),
        ("SYSTEM SHUTDOWN", {}, 403, 497),
        ("SELECT 1", {"decompress": "1"}, 501, 48),
        ("SELECT sleep(3)", {"max_execution_time": "0.1"}, 408, 159),
    ],
)
def test_errors_have_clickhouses_status_code_and_text(
    server: Server, sql: str, parameters: dict[str, str], status: int, code: int
) -> None:
    response = server.http.post("/", content=sql, params=parameters)
    assert (response.status_code, response.headers["x-clickhouse-exception-code"]) == (status, str(code))
    assert response.text.startswith(f"Code: {code}. DB::Exception: ")
    assert response.text.rstrip().endswith("(official build))")


def test_get_reads_only(server: Server) -> None:
    server.ask("CREATE TABLE t (a UInt8) ENGINE = Memory")
    for sql in ("CREATE TABLE u (a UInt8) ENGINE = Memory", "INSERT INTO t VALUES (1)", "DROP TABLE t"):
        response = server.http.get("/", params={"query": sql})
        assert response.headers["x-clickhouse-exception-code"] == "164"
    assert server.http.get("/", params={"query": "SELECT count() FROM t", "max_threads": "1"}).text == "0\n"
    refused = server.http.get("/", params={"query": "SET readonly = 0"})
    assert refused.headers["x-clickhouse-exception-code"] == "164"


FORMATS = [
    "TabSeparated", "TSVWithNames", "TSVRaw", "CSV", "CSVWithNames", "JSON", "JSONCompact", "JSONEachRow", "Native",
    "RowBinary", "RowBinaryWithNamesAndTypes", "ArrowStream", "Parquet", "Pretty", "Values", "XML", "Vertical",
]  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "select",
    [
        "SELECT number AS n, toString(number) AS s FROM numbers(200) ORDER BY n SETTINGS max_block_size = 7",
        "SELECT number % 2 AS k, count() AS c FROM numbers(9) GROUP BY k WITH TOTALS ORDER BY k",
        "SELECT 1 AS a WHERE 0",
    ],
)
def test_a_streamed_result_equals_the_whole_one(server: Server, name: str, select: str) -> None:
    query = f"{select} FORMAT {name}"
    plain = {"output_format_write_statistics": "0"}
    streamed = server.http.post("/", content=query, params=plain)
    whole = server.http.post("/", content=query, params=plain | {"wait_end_of_query": "1"})
    assert streamed.status_code == 200
    assert streamed.content == whole.content


def test_a_large_result_is_exact(server: Server) -> None:
    response = server.http.post("/", content="SELECT number FROM numbers(3000000)")
    assert "content-length" not in response.headers
    assert response.content == b"".join(b"%d\n" % number for number in range(3_000_000))


@pytest.mark.parametrize("rows", [5, 2_000_000])
@pytest.mark.parametrize("encoding", ["gzip", "zstd", "lz4", "deflate"])
def test_responses_are_compressed_when_asked(server: Server, encoding: str, rows: int) -> None:
    query = {"query": f"SELECT number FROM numbers({rows})", "enable_http_compression": "1"}
    request = server.http.build_request("GET", "/", params=query, headers={"Accept-Encoding": encoding})
    response = server.http.send(request, stream=True)
    raw = b"".join(response.iter_raw())
    assert response.headers["content-encoding"] == encoding
    plain = b"".join(decode([raw], encoding))
    assert plain == b"".join(b"%d\n" % number for number in range(rows))


def test_responses_are_plain_when_not_asked(server: Server) -> None:
    response = server.http.get("/", params={"query": "SELECT 1"}, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in response.headers


def test_an_error_behind_the_first_rows_is_told_and_the_connection_cut(server: Server) -> None:
    query = "SELECT throwIf(number = 3000000), repeat('x', 50) FROM numbers(4000000) SETTINGS max_block_size = 10000"
    with server.http.stream("POST", "/", content=query) as response:
        assert response.status_code == 200
        tag = response.headers["x-clickhouse-exception-tag"]
        received = bytearray()
        pieces = map(received.extend, response.iter_raw())
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)
    assert f"\r\n__exception__\r\n{tag}\r\nCode: 395. DB::Exception: ".encode() in received
    assert received.endswith(f" {tag}\r\n__exception__\r\n".encode())


def test_web_pages_of_other_sites_are_refused(server: Server) -> None:
    for header in ({"Origin": "http://example.com"}, {"Host": "example.com"}, {"Origin": "null"}):
        assert server.http.post("/", content="SELECT 1", headers=header).status_code == 403
    assert server.http.post("/", content="SELECT 1", headers={"Origin": server.url}).status_code == 200
