"""The one client: values come back as they are, answers arrive piece by piece, and errors say what they mean."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pytest

from runtime.errors import TerminalError, TransientError, UnreachableError
from tests.sinks.examples import batch, event, resolved
from warehouse.client import Warehouse
from warehouse.errors import IncompleteError, QueryTooLargeError, sorted_answer

pytestmark = pytest.mark.stack

AWKWARD = ("it's", "back\\slash", "阿达", "tab\tnew\nline\r", "{x:String}", "nul\0", "' OR 1 = 1 --", "%s %(a)s", "")
NOWHERE = "http://someone:sekret@127.0.0.1:1"


@pytest.mark.parametrize("value", AWKWARD)
def test_a_parameter_comes_back_as_it_is(warehouse: Warehouse, value: str) -> None:
    assert warehouse.rows("SELECT {value:String} AS value", {"value": value}) == [{"value": value}]
    (answer,) = warehouse.stream("SELECT {value:String} AS value", {"value": value})
    assert answer.to_pydict() == {"value": [value]}


def test_rows_are_numbers_and_times_in_iso_8601(warehouse: Warehouse) -> None:
    columns = "toDateTime64(1.5, 3, 'UTC') AS time, 18446744073709551615 AS number, NULL AS nothing, [(1, 'a')] AS list"
    assert warehouse.rows(f"SELECT {columns}") == [
        {"time": "1970-01-01T00:00:01.500Z", "number": 2**64 - 1, "nothing": None, "list": [[1, "a"]]}
    ]


def test_a_stream_arrives_in_small_batches_and_may_be_left(warehouse: Warehouse) -> None:
    query = "SELECT number, repeat('x', 1000) AS text FROM numbers(100000)"
    batches = warehouse.stream(query)
    assert next(batches).nbytes < 4_000_000
    batches.close()  # type: ignore[attr-defined]
    numbers = [number for batch in warehouse.stream(query) for number in batch.column("number").to_pylist()]
    assert numbers == list(range(100_000))
    assert list(warehouse.stream("SELECT 1 AS one WHERE 0")) == []


def test_an_error_behind_the_first_rows_is_an_error(warehouse: Warehouse) -> None:
    query = "SELECT throwIf(number = 90000, 'too far') AS thrown FROM numbers(100000)"
    with pytest.raises(TerminalError, match="too far"):
        list(warehouse.stream(query))


def test_a_statement_that_never_works_is_terminal_and_a_missing_server_is_not(warehouse: Warehouse) -> None:
    with pytest.raises(TerminalError, match="code 62"):
        warehouse.run("SELEKT 1")
    with pytest.raises(TerminalError, match="code 47"):
        list(warehouse.stream("SELECT nothing FROM onefold.events"))
    with pytest.raises(TerminalError, match="too long"):
        warehouse.rows("SELECT {x:String}", {"x": "x" * 100_000})


def test_a_table_or_a_column_that_is_not_there_may_come_back(warehouse: Warehouse) -> None:
    said = r"lacks it: .* \('onefold migrate' makes tables and columns of Onefold's that are missing\)"
    with pytest.raises(IncompleteError, match=said):
        warehouse.run("SELECT 1 FROM onefold.nowhere")
    with pytest.raises(IncompleteError, match=said):
        list(warehouse.stream("SELECT 1 FROM nowhere.events"))
    (insert,) = batch([resolved(event("m1"), 0)]).inserts
    with pytest.raises(IncompleteError, match=said):
        warehouse.insert("nowhere", insert.columns, "token")
    renamed = insert.columns.rename_columns([f"no_{name}" for name in insert.columns.column_names])
    with pytest.raises(IncompleteError, match=said):
        warehouse.insert("raw_events", renamed, "token")


def test_a_server_that_is_away_is_named_without_its_password() -> None:
    with Warehouse(NOWHERE) as away:
        for attempt in (
            lambda: away.run("SELECT 1"),
            lambda: away.rows("SELECT 1"),
            lambda: list(away.stream("SELECT 1")),
            lambda: away.insert("events", pa.table({"a": [1]}), "token"),
        ):
            with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1 does not answer") as raised:
                attempt()
            assert "sekret" not in str(raised.value)


@pytest.mark.parametrize("body", [b"", b"\xff\xff\xff\xff\x80\x00\x00\x00", b"<html>not ClickHouse</html>"])
def test_an_answer_that_breaks_off_is_worth_another_try(body: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\n\r\n" + body
    with _answering(answer) as url, Warehouse(url) as broken, pytest.raises(TransientError):
        list(broken.stream("SELECT 1"))


def test_what_a_proxy_answers_is_worth_another_try() -> None:
    answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\nsorry"
    with (
        _answering(answer) as url,
        Warehouse(url) as proxy,
        pytest.raises(TransientError, match="not take it now: sorry"),
    ):
        proxy.run("SELECT 1")


@pytest.mark.parametrize("body", [b"<html>not ClickHouse</html>", b'{"data": [{"name": "\xff"}]}'])
def test_an_answer_that_is_no_json_is_worth_another_try(body: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\n\r\n" + body
    with _answering(answer) as url, Warehouse(url) as proxy, pytest.raises(TransientError, match="something else"):
        proxy.rows("SELECT 1")


def test_codes_say_later_smaller_or_not_at_all() -> None:
    assert type(sorted_answer("here", 202, "many")) is TransientError
    assert type(sorted_answer("here", 241, "large")) is QueryTooLargeError
    assert type(sorted_answer("here", 62, "wrong")) is TerminalError


@contextmanager
def _answering(answer: bytes) -> Iterator[str]:
    """A server that answers the first request with these bytes and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                received = b""
                while b"SELECT 1" not in received:  # closing with something unread would reset the connection
                    received += connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()
