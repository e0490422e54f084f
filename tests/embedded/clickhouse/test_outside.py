"""What a web page, and whoever reaches the port, must not be able to do: each attack, and that nothing came of it."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from embedded.clickhouse.access import SOURCES
from tests.embedded.clickhouse.conftest import Server

pytestmark = [pytest.mark.stack, pytest.mark.soak(has_short_form=True)]

PASSWORD = "sesame-0123456789"
NAVIGATED = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A gateway as `onefold up` starts it: with a password."""
    folder = tmp_path_factory.mktemp("guarded")
    secret = folder / "password"
    secret.write_text(f"{PASSWORD}\n")
    secret.chmod(0o600)
    server = Server(folder / "data & more", "--password-file", str(secret))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def allowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A gateway without a password that lets queries reach everywhere, with one row in one table."""
    server = Server(tmp_path_factory.mktemp("allowing"), "--allow", ",".join(SOURCES))
    server.ask("CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a")
    server.ask("INSERT INTO t VALUES (7)")
    yield server
    server.stop()


def asked(server: Server, sql: str, **headers: str) -> httpx.Response:
    return server.http.post("/", content=sql.encode(), headers={"X-ClickHouse-Key": PASSWORD} | headers)


# -- a picture in a web page

PICTURE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}


@pytest.mark.parametrize("headers", [{}, PICTURE, {"Sec-Fetch-Site": "same-site"}, NAVIGATED])
@pytest.mark.parametrize("password", ["", PASSWORD])
def test_a_picture_writes_no_file(guarded: Server, tmp_path: Path, headers: dict[str, str], password: str) -> None:
    target = tmp_path / "sitecustomize.py"
    query = f"INSERT INTO FUNCTION file('{target}', 'LineAsString', 'a String') SELECT 'owned'"
    parameters = {"query": query} | ({"password": password} if password else {})
    answer = guarded.http.get("/", params=parameters, headers=headers)
    assert answer.status_code in {401, 403, 500}, answer.text
    assert not target.exists()
    assert not list(guarded.folder.rglob("sitecustomize.py"))


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_what_another_site_made_a_browser_ask_is_refused(guarded: Server, site: str) -> None:
    answer = asked(guarded, "SELECT 1", **{"Sec-Fetch-Site": site})
    assert answer.status_code == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_what_a_person_typed_is_answered(guarded: Server, site: str) -> None:
    assert asked(guarded, "SELECT 1", **{"Sec-Fetch-Site": site}).text == "1\n"


@pytest.mark.parametrize(
    "origin",
    ["null", "http://evil.example", "http://localhost", "http://localhost:1", "http://127.0.0.1", "https://HERE",
     "http://HERE.evil.example", "http://evil.example/http://HERE", "http://HERE/", ""],
)  # fmt: skip
def test_only_its_own_origin_is_answered(guarded: Server, origin: str) -> None:
    answer = asked(guarded, "SELECT 1", Origin=origin.replace("HERE", f"127.0.0.1:{guarded.port}"))
    assert answer.status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
def test_its_own_names_are_answered(guarded: Server, host: str) -> None:
    here = f"{host}:{guarded.port}"
    assert asked(guarded, "SELECT 1", Host=here, Origin=f"http://{here}").text == "1\n"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:PORT",
        "localhost.evil.example:PORT",
        "2130706433:PORT",
        "localhost:PORT@evil.example",
        "127.0.0.2:PORT",
        "0.0.0.0:PORT",
    ],
)
def test_another_name_that_points_here_is_refused(guarded: Server, host: str) -> None:
    answer = asked(guarded, "SELECT 1", Host=host.replace("PORT", str(guarded.port)))
    assert answer.status_code == 403, answer.text


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO t VALUES (1)",
        "INSERT INTO t SELECT 1",
        "INSERT INTO FUNCTION null('a Int8') SELECT 1",
        "CREATE TEMPORARY TABLE x (a Int8)",
        "CREATE TABLE x (a Int8) ENGINE = Memory",
        "WITH 1 AS x INSERT INTO t SELECT x",
        "DROP TABLE t",
        "ALTER TABLE t DELETE WHERE 1",
        "OPTIMIZE TABLE t",
        "TRUNCATE TABLE t",
        "KILL QUERY WHERE 1",
        "SYSTEM FLUSH LOGS",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString', 'a String')",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    ],
)
def test_a_get_changes_nothing_and_reaches_nothing(allowing: Server, query: str) -> None:
    assert allowing.http.get("/", params={"query": query}).status_code in {403, 500}
    assert allowing.ask("SELECT a FROM t") == "7"
    assert allowing.ask("SHOW TABLES") == "t"
    assert allowing.http.get("/", params={"query": "SELECT a FROM t"}).text == "7\n"


# -- whoever reaches the port


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-ClickHouse-Key": ""},
        {"X-ClickHouse-Key": PASSWORD[:-1]},
        {"X-ClickHouse-User": PASSWORD},
        {"Authorization": "Basic"},
        {"Authorization": "Basic OnNlc2FtZQ=="},
        {"Authorization": f"Bearer {PASSWORD}"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_the_password_nothing_is_told(guarded: Server, method: str, headers: dict[str, str]) -> None:
    answer = guarded.http.request(method, "/", params={"query": "SELECT version(), 6 * 7"}, headers=headers)
    assert answer.status_code in {401, 403}
    assert "42" not in answer.text


def test_liveness_needs_no_password(guarded: Server) -> None:
    assert guarded.http.get("/ping").text == "Ok.\n"


FOREIGN_LINE = "a line of another file"
# {secret}: a file with FOREIGN_LINE; {target}: one that must not come to be; {port}: of a listener that hears nobody.
OUTSIDE = [
    "SELECT * FROM file('{secret}', 'LineAsString')",
    "SELECT file('{secret}')",
    "SELECT `file`('{secret}')",
    'SELECT "file"(\'{secret}\')',
    "SELECT `fi\\x6ce`('{secret}')",
    "SELECT 1 // '\n, file('{secret}') // '",
    "SELECT 1 // \"\n, file('{secret}') // \"",
    "SELECT 1 // /*\n, file('{secret}') // */",
    "SELECT 1 // $$\n, file('{secret}') // $$",
    "SELECT 'x' // '\n INTO OUTFILE '{target}' FORMAT TSVRaw // '",
    "SELECT `fi\\Nle`('{secret}')",
    "SELECT \"fi\\Nle\"('{secret}')",
    "SELECT `fi\\x6ze`('{secret}')",
    "SELECT arrayMap(`fi\\Nle`, ['{secret}'])",
    "CREATE VIEW outside AS SELECT `fi\\Nle`('{secret}')",
    "SELECT * FROM format(JSONEachRow, '\"a\"\"b\" String, c String DEFAULT file(''{secret}''), \"d\" String', "
    "'{\"x\":1}') SETTINGS input_format_skip_unknown_fields = 1",
    "SELECT * FROM format(JSONEachRow, '`a``b` String, c String DEFAULT file(''{secret}''), `d` String', '{\"x\":1}')",
    "SELECT * FROM format(JSONEachRow, 'a String DEFAULT fi\\Nle(''{secret}'')', '{}')",
    "SELECT file /* ( */ -- (\n ('{secret}')",
    "SELECT arrayMap(file, ['{secret}'])",
    "SELECT arrayMap(`file`, ['{secret}'])",
    "SELECT arrayMap(`fi\\x6ce`, ['{secret}'])",
    "SELECT arrayMap(x -> file(x), ['{secret}'])",
    "SELECT '{secret}' AS x, x.* APPLY(file)",
    "SELECT * APPLY file FROM (SELECT '{secret}' AS x)",
    "SELECT * APPLY(file) FROM (SELECT '{secret}' AS x)",
    "SELECT * APPLY(`fi\\x6ce`) FROM (SELECT '{secret}' AS x)",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT '{secret}' AS x)",
    "SELECT * REPLACE(file(x) AS x) FROM (SELECT '{secret}' AS x)",
    "WITH (SELECT file('{secret}')) AS x SELECT x",
    "EXPLAIN SYNTAX SELECT file('{secret}')",
    "SELECT 1 WHERE file('{secret}') != ''",
    "SELECT * FROM format(Values, 'a String', '(file(''{secret}''))')",
    "SELECT * FROM format(concat('Val', 'ues'), 'a String', '(file(''{secret}''))')",
    "SELECT * FROM format('V\\x61lues', 'a String', '(file(''{secret}''))')",
    "SELECT * FROM format('Values', 'a String', '(file(''{secret}''))')",
    "SELECT 1 SETTINGS additional_result_filter = 'file(''{secret}'') != '''''",
    "SELECT * FROM eval('SELECT file(''{secret}'')') SETTINGS allow_experimental_eval_table_function = 1",
    "SELECT * FROM `{secret}`",
    "SELECT * FROM default.`{secret}`",
    "DESCRIBE `{secret}`",
    "SELECT * FROM filesystem('{secret}')",
    "SELECT * FROM fileCluster('default', '{secret}', 'LineAsString')",
    "SELECT 1 FORMAT Template SETTINGS format_template_resultset = '{secret}'",
    "SELECT * FROM format(Protobuf, 'x') SETTINGS format_schema = '{secret}:X'",
    "CREATE DATABASE IF NOT EXISTS outside ENGINE = Filesystem('/')",
    "CREATE DATABASE IF NOT EXISTS outside ENGINE = Overlay('default', 'system')",
    "CREATE TABLE outside (a String) ENGINE = File(LineAsString, '{secret}')",
    "CREATE TABLE outside (a String) ENGINE File(LineAsString, '{secret}')",
    "CREATE TABLE outside (a String) ENGINE = `Fi\\x6ce`(LineAsString, '{secret}')",
    "CREATE TABLE outside (a String) ENGINE = FileLog('{secret}', 'LineAsString')",
    "CREATE TABLE outside (a String DEFAULT file('{secret}')) ENGINE = Memory",
    "CREATE VIEW outside AS SELECT file('{secret}')",
    "CREATE TABLE outside AS file('{secret}', 'LineAsString')",
    "CREATE FUNCTION outside AS (x) -> file(x)",
    "CREATE DICTIONARY outside (a String, b String) PRIMARY KEY a SOURCE(FILE(path '{secret}' format 'TSV')) "
    "LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)",
    "CREATE DICTIONARY outside (a String, b String) PRIMARY KEY a SOURCE(EXECUTABLE(COMMAND 'touch {target}' "
    "FORMAT TSV)) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)",
    "SELECT * FROM executable('touch {target}', 'TSV', 'a String')",
    "CREATE TABLE outside (a String) ENGINE = Executable('touch {target}', 'TSV')",
    "CREATE TABLE outside (a String) ENGINE = ExecutablePool('touch {target}', 'TSV')",
    "INSERT INTO FUNCTION file('{target}', 'TSV', 'a String') SELECT 'x'",
    "INSERT INTO FUNCTION file('{target}', 'TSV', 'a String') VALUES ('x')",
    "INSERT INTO FUNCTION file('{target}', 'TSV', 'a String') FORMAT TSV\nx\n",
    "INSERT INTO TABLE FUNCTION file('{target}', 'TSV', 'a String') FORMAT TSV\nx\n",
    "SELECT 1 INTO OUTFILE '{target}'",
    "SELECT 1 AS a FORMAT Protobuf SETTINGS output_format_schema = '{target}'",
    "SELECT * FROM format(CSV, 'a Int8', 'x') SETTINGS input_format_record_errors_file_path = '{target}', "
    "input_format_allow_errors_num = 1",
    "CREATE TABLE outside (a String) ENGINE = EmbeddedRocksDB(0, '{target}') PRIMARY KEY a",
    "CREATE TABLE outside (a String) ENGINE = MergeTree ORDER BY a SETTINGS "
    "disk = disk(type = local, path = '{target}/')",
    "BACKUP DATABASE default TO File('{target}')",
    "RESTORE DATABASE default FROM File('{secret}')",
    "ATTACH TABLE outside FROM '/' (a String) ENGINE = MergeTree ORDER BY a",
    "SELECT * FROM sqlite('{target}', 't')",
    "SELECT * FROM url('http://127.0.0.1:{port}/', 'LineAsString', 'a String')",
    "INSERT INTO FUNCTION url('http://127.0.0.1:{port}/', 'TSV', 'a String') SELECT 'x'",
    "CREATE TABLE outside (a String) ENGINE = URL('http://127.0.0.1:{port}/', 'TSV')",
    "SELECT * FROM s3('http://127.0.0.1:{port}/bucket/x.csv', 'TSV', 'a String')",
    "SELECT * FROM gcs('http://127.0.0.1:{port}/bucket/x.csv', 'TSV', 'a String')",
    "SELECT * FROM remote('127.0.0.1:{port}', system.one)",
    "SELECT * FROM remoteSecure('127.0.0.1:{port}', system.one)",
    "SELECT * FROM cluster('default', system.one)",
    "SELECT * FROM mysql('127.0.0.1:{port}', 'd', 't', 'u', 'p')",
    "SELECT * FROM postgresql('127.0.0.1:{port}', 'd', 't', 'u', 'p')",
    "SELECT * FROM mongodb('127.0.0.1:{port}', 'd', 't', 'u', 'p', 'a String')",
    "SELECT * FROM redis('127.0.0.1:{port}', 'a', 'a String')",
    "SELECT * FROM format(AvroConfluent, '\\0\\0\\0\\0\\1x') SETTINGS "
    "format_avro_schema_registry_url = 'http://127.0.0.1:{port}'",
    "CREATE TABLE outside (a String) ENGINE = Kafka('127.0.0.1:{port}', 't', 'g', 'LineAsString')",
    "CREATE TABLE outside (a String) ENGINE = MergeTree ORDER BY a SETTINGS "
    "disk = disk(type = web, endpoint = 'http://127.0.0.1:{port}/')",
    "CREATE TABLE outside (a String) ENGINE = Distributed('default', 'system', 'one')",
    "CREATE DATABASE outside ENGINE = MySQL('127.0.0.1:{port}', 'd', 'u', 'p')",
    "CREATE NAMED COLLECTION outside AS a = 1",
    "CREATE USER outside",
    "GRANT ALL ON *.* TO default",
    "SET dialect = 'prql'",
    "SELECT * FROM python(x)",
    "SYSTEM SHUTDOWN",
    "SYSTEM RELOAD CONFIG",
]  # fmt: skip


@pytest.mark.parametrize("statement", OUTSIDE)
def test_no_statement_reaches_outside_of_the_database(guarded: Server, tmp_path: Path, statement: str) -> None:
    secret, target = tmp_path / "secret", tmp_path / "target"
    secret.write_text(f"{FOREIGN_LINE}\n")
    with Listener() as listener:
        sql = statement.replace("{secret}", str(secret)).replace("{target}", str(target))
        answer = asked(guarded, sql.replace("{port}", str(listener.port)))
        assert answer.status_code >= 400, answer.text
        assert FOREIGN_LINE not in answer.text
        assert not target.exists()
        assert not listener.was_called()
    assert not asked(guarded, "SHOW TABLES LIKE 'outside'").text
    assert not asked(guarded, "SHOW DATABASES LIKE 'outside'").text


@pytest.mark.parametrize(
    "values", ["(file('{secret}'))", "('x'), (file('{secret}'))", "(arrayMap(file, ['{secret}'])[1])"]
)
def test_values_are_no_way_out(guarded: Server, tmp_path: Path, values: str) -> None:
    (tmp_path / "secret").write_text(FOREIGN_LINE)
    asked(guarded, "CREATE TABLE IF NOT EXISTS taken (a String) ENGINE = Memory")
    for form in ("VALUES", "FORMAT Values", "FORMAT values"):
        answer = asked(guarded, f"INSERT INTO taken {form} {values.replace('{secret}', str(tmp_path / 'secret'))}")
        assert answer.status_code >= 400, answer.text
    assert FOREIGN_LINE not in asked(guarded, "SELECT * FROM taken").text
    assert asked(guarded, "INSERT INTO taken VALUES ('the file (1) of ' || upper('x'))").status_code == 200


@pytest.mark.parametrize(
    "parameter", ["dialect", "format_schema", "output_format_schema", "format_template_row", "additional_table_filters"]
)
def test_settings_in_the_url_are_no_way_out_either(guarded: Server, parameter: str) -> None:
    headers = {"X-ClickHouse-Key": PASSWORD}
    answer = guarded.http.post("/", params={parameter: "prql"}, content=b"SELECT 1", headers=headers)
    assert answer.status_code >= 400, answer.text


def test_what_is_allowed_is_open_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(FOREIGN_LINE)
    server = Server(tmp_path / "data", "--allow", "file")
    try:
        assert server.ask(f"SELECT * FROM file('{tmp_path}/secret', 'LineAsString')") == FOREIGN_LINE
        assert server.ask(f"SELECT file('{tmp_path}/secret')") == FOREIGN_LINE
        server.ask(f"INSERT INTO FUNCTION file('{tmp_path}/target', 'TSV', 'a String') SELECT 'x'")
        assert (tmp_path / "target").read_text() == "x\n"
        with Listener() as listener:
            denied = server.http.post(
                "/", content=f"SELECT * FROM url('http://127.0.0.1:{listener.port}/', 'TSV', 'a Int8')"
            )
            assert denied.status_code == 403
            assert not listener.was_called()
    finally:
        server.stop()


def test_a_configuration_where_the_process_starts_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.xml").write_text("<clickhouse><users_config>nowhere.xml</users_config></clickhouse>")
    # A process that is started somewhere finds its modules by this, as an installed one does without.
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    monkeypatch.chdir(tmp_path)
    server = Server(tmp_path / "data")
    try:
        assert server.http.post("/", content=b"SELECT file('/etc/hostname')").status_code == 403
        assert server.ask("SELECT 1") == "1"
    finally:
        server.stop()


@pytest.mark.soak
def test_tables_of_the_default_database_outlive_a_restart(tmp_path: Path) -> None:
    for expected in ("1", "2", "3"):
        server = Server(tmp_path)
        try:
            server.ask("CREATE TABLE IF NOT EXISTS kept (a Int8) ENGINE = MergeTree ORDER BY a")
            server.ask("INSERT INTO kept VALUES (1)")
            assert server.ask("SELECT count() FROM kept") == expected
        finally:
            server.stop()


class Listener:
    """A port that hears whether anybody calls."""

    def __enter__(self) -> "Listener":
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def was_called(self) -> bool:
        try:
            self._socket.accept()
        except BlockingIOError:
            return False
        return True
