"""What the gateway takes SQL for."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded.clickhouse.errors import Code, ServerError
from embedded.clickhouse.refusals import refusals
from embedded.clickhouse.statements import Statement, StatementKind
from embedded.clickhouse.statements import parse as parse_refusing


def parse(sql: bytes) -> Statement:
    """The statement, with every source outside of the tables closed."""
    return parse_refusing(sql, refusals(["numbers", "file", "url", "remote"], ["MergeTree", "File"]))


@pytest.mark.parametrize(
    ("sql", "text", "name", "data"),
    [
        (b"INSERT INTO t FORMAT CSV\n1,2", b"INSERT INTO t ", "CSV", b"1,2"),
        (b"insert into t(a, b) format Native\r\n\n\x00", b"insert into t(a, b) ", "Native", b"\n\x00"),
        (b"INSERT INTO t FORMAT RowBinary  x", b"INSERT INTO t ", "RowBinary", b"x"),
        (b"INSERT INTO t VALUES (1), ('FORMAT CSV')", b"INSERT INTO t ", "Values", b" (1), ('FORMAT CSV')"),
        (b"INSERT INTO db.format FORMAT CSV 1", b"INSERT INTO db.format ", "CSV", b"1"),
        (b"INSERT INTO values FORMAT CSV 1", b"INSERT INTO values ", "CSV", b"1"),
        (b"INSERT INTO `a``FORMAT X` FORMAT CSV 1", b"INSERT INTO `a``FORMAT X` ", "CSV", b"1"),
        (b"INSERT INTO FUNCTION null('a Int8') FORMAT TSV 1", b"INSERT INTO FUNCTION null('a Int8') ", "TSV", b"1"),
        (b"INSERT /* FORMAT A */ INTO t FORMAT C 1", b"INSERT /* FORMAT A */ INTO t ", "C", b"1"),
        (b"INSERT INTO t -- FORMAT B\nFORMAT C 1", b"INSERT INTO t -- FORMAT B\n", "C", b"1"),
        (b"INSERT INTO t SETTINGS x='FORMAT Q' FORMAT CSV 1", b"INSERT INTO t SETTINGS x='FORMAT Q' ", "CSV", b"1"),
    ],
)
def test_an_inserts_data_begins_behind_its_format(sql: bytes, text: bytes, name: str, data: bytes) -> None:
    statement = parse(sql)
    assert statement.kind is StatementKind.INSERT_DATA
    assert (statement.text, statement.format, sql[statement.data_at :]) == (text, name, data)


@pytest.mark.parametrize(
    ("sql", "kind", "name"),
    [
        (b"SELECT 1", StatementKind.SELECT, None),
        (b" -- c\n with 1 as x select x format JSON", StatementKind.SELECT, "JSON"),
        (b"(SELECT 1) UNION ALL (SELECT 2) FORMAT CSV SETTINGS final = 0;", StatementKind.SELECT, "CSV"),
        (b"FROM t SELECT a", StatementKind.SELECT, None),
        (b"SELECT format FROM t", StatementKind.SELECT, None),
        (b"SELECT 'x FORMAT JSON'", StatementKind.SELECT, None),
        (b"WITH 1 AS x INSERT INTO t SELECT x", StatementKind.OTHER, None),
        (b"INSERT INTO t SELECT 1", StatementKind.OTHER, None),
        (b"INSERT INTO t (a) WITH 1 AS x SELECT x", StatementKind.OTHER, None),
        (b"INSERT INTO t (SELECT 1)", StatementKind.OTHER, None),
        (b"DESCRIBE t FORMAT TSV", StatementKind.OTHER, "TSV"),
        (b"KILL QUERY WHERE query_id = 'x'", StatementKind.KILL, None),
    ],
)
def test_other_statements_are_told_apart(sql: bytes, kind: StatementKind, name: str | None) -> None:
    statement = parse(sql)
    assert (statement.kind, statement.format, statement.text) == (kind, name, sql)


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        (b"", Code.SYNTAX_ERROR),
        (b" /* nothing */ ;", Code.SYNTAX_ERROR),
        (b"SELECT 1; SELECT 2", Code.SYNTAX_ERROR),
        (b"SELECT 1 INTO OUTFILE '/tmp/x'", Code.INTO_OUTFILE_NOT_ALLOWED),
        (b"INSERT INTO t FROM INFILE '/tmp/x' FORMAT CSV", Code.NOT_IMPLEMENTED),
        (b"INSERT INTO t SELECT a FROM input('a Int8') FORMAT CSV 1", Code.NOT_IMPLEMENTED),
        (b"SELECT * FROM Python(os)", Code.ACCESS_DENIED),
        (b"SYSTEM SHUTDOWN", Code.ACCESS_DENIED),
        (b"system kill", Code.ACCESS_DENIED),
    ],
)
def test_what_http_must_not_run_is_refused_with_its_code(sql: bytes, code: Code) -> None:
    with pytest.raises(ServerError) as refusal:
        parse(sql)
    assert refusal.value.code == code


def test_one_statement_may_end_in_semicolons_and_comments() -> None:
    assert parse(b"SELECT ';' ; ; -- end; really\n").kind is StatementKind.SELECT


@given(st.binary(max_size=200) | st.text(alphabet="'\"`\\$/*-#; \nINSERTFORMATa(){}", max_size=200).map(str.encode))
def test_any_bytes_are_a_statement_or_a_refusal(sql: bytes) -> None:
    with contextlib.suppress(ServerError):
        assert parse(b"SELECT " + sql).text == b"SELECT " + sql


@pytest.mark.timeout(30)
@pytest.mark.parametrize("piece", [b"/*", b"'\\", b"`\\", b'"', b"$$ $$", b"--", b"(", b"/* * "])
def test_hostile_text_is_read_in_linear_time(piece: bytes) -> None:
    with pytest.raises(ServerError):
        parse(b"SELECT 1; SELECT " + piece * (250_000 // len(piece)))
