"""How ClickHouse is reached: by TLS and a password file, with one clear line for each way of not being let in."""

import datetime
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from embedded.stack import Stack
from runtime.errors import TerminalError, UnreachableError
from runtime.files import write_private
from settings import ClickHouse, SettingsError
from tests.sinks.examples import batch, event, resolved
from tests.support.rows import tuples
from tests.warehouse.tls import Authority, tls_proxy
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack

SECRET = "nobody-shall-read-this"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def plain(migrated: str, clickhouse: Stack) -> ClickHouse:
    """The server in the clear, with the right password in a file."""
    assert migrated
    return clickhouse.settings.clickhouse


@contextmanager
def secured(plain: ClickHouse, context: ssl.SSLContext, ca_file: Path | None) -> Iterator[ClickHouse]:
    with tls_proxy(int(plain.url.rpartition(":")[2]), context) as port:
        yield ClickHouse(f"https://127.0.0.1:{port}", plain.user, plain.password_file, ca_file)


def refusal(server: ClickHouse) -> str:
    with Warehouse(server) as warehouse, pytest.raises(TerminalError) as raised:
        warehouse.run("SELECT 1")
    assert SECRET not in str(raised.value)
    return str(raised.value)


def test_rows_streams_and_inserts_go_through_tls(plain: ClickHouse, authority: Authority, workspace: str) -> None:
    with secured(plain, authority.context("127.0.0.1"), authority.file) as server, Warehouse(server) as warehouse:
        (insert,) = batch([resolved(event("m1", workspace), 0)]).inserts
        warehouse.insert(insert.table, insert.columns, insert.token)
        query = f"SELECT message_id FROM onefold.events WHERE workspace = '{workspace}'"
        assert tuples(warehouse, query) == [("m1",)]
        assert [answer.to_pydict() for answer in warehouse.stream(query)] == [{"message_id": ["m1"]}]


def test_the_authorities_of_the_system_are_believed_where_no_file_is_named(
    plain: ClickHouse, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with secured(plain, authority.context("127.0.0.1"), None) as server:
        said = refusal(server)
        assert "ONEFOLD_CLICKHOUSE_CA_FILE names the certificate of the authority that signed it" in said
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))  # where OpenSSL looks for the system's
        with Warehouse(server) as warehouse:
            warehouse.run("SELECT 1")


def test_a_certificate_that_is_not_believed_is_terminal_and_says_why(
    plain: ClickHouse, authority: Authority, tmp_path: Path
) -> None:
    with secured(plain, authority.context("db.example.com"), authority.file) as server:
        assert "let ONEFOLD_CLICKHOUSE name the server as its certificate does" in refusal(server)
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    with secured(plain, authority.context("127.0.0.1", not_after=past), authority.file) as server:
        assert "expired: renew the certificate at the server" in refusal(server)
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    with secured(plain, authority.context("127.0.0.1"), other.file) as server:
        assert f"none of those in {other.file} (ONEFOLD_CLICKHOUSE_CA_FILE)" in refusal(server)


def test_tls_and_none_are_told_apart(plain: ClickHouse, authority: Authority) -> None:
    port = plain.url.rpartition(":")[2]
    spoken_to = ClickHouse(f"https://127.0.0.1:{port}", ca_file=authority.file)
    assert "does not speak TLS there: let ONEFOLD_CLICKHOUSE name the port" in refusal(spoken_to)
    with secured(plain, authority.context("127.0.0.1"), authority.file) as server:
        spoken_to = ClickHouse(server.url.replace("https", "http"), plain.user, plain.password_file)
        with Warehouse(spoken_to) as warehouse, pytest.raises(UnreachableError, match="begin with https://"):
            warehouse.run("SELECT 1")


def test_a_wrong_password_is_one_line_with_user_and_server(plain: ClickHouse, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    write_private(wrong, f"{SECRET}\n")
    shown = f"ClickHouse at {plain.host_and_port} does not let user 'ann' in: ONEFOLD_CLICKHOUSE_USER and"
    assert refusal(ClickHouse(plain.url, "ann", wrong)).startswith(shown)
    in_address = plain.url.replace("http://", f"http://ann:{SECRET}@")
    assert refusal(ClickHouse(in_address)).startswith(shown)
    assert refusal(ClickHouse(plain.url, "ann")).startswith(shown)
    with pytest.raises(TerminalError, match="does not let user 'ann' in"), Warehouse(in_address) as warehouse:
        list(warehouse.stream("SELECT 1"))


def test_a_password_file_goes_before_the_address_and_is_read_anew(plain: ClickHouse, tmp_path: Path) -> None:
    assert plain.password_file is not None
    file = tmp_path / "password"
    write_private(file, plain.password_file.read_text())
    address = plain.url.replace("http://", f"http://ann:{SECRET}@")
    with Warehouse(ClickHouse(address, "default", file)) as warehouse:
        warehouse.run("SELECT 1")
        write_private(file, SECRET)
        with pytest.raises(TerminalError, match="does not let user 'default' in"):
            warehouse.run("SELECT 1")
        write_private(file, plain.password_file.read_text())
        warehouse.run("SELECT 1")


def test_files_that_cannot_be_used_are_named_with_their_variable(plain: ClickHouse, tmp_path: Path) -> None:
    readable = tmp_path / "password"
    readable.write_text(SECRET)
    readable.chmod(0o644)
    with pytest.raises(SettingsError, match=f"^ONEFOLD_CLICKHOUSE_PASSWORD_FILE='{readable}'.* chmod 600"):
        Warehouse(ClickHouse(plain.url, "ann", readable))
    with pytest.raises(SettingsError, match=r"^ONEFOLD_CLICKHOUSE_PASSWORD_FILE=.*No such file"):
        Warehouse(ClickHouse(plain.url, "ann", tmp_path / "nowhere"))
    for no_certificates in (tmp_path / "nowhere", readable):
        with pytest.raises(SettingsError, match=f"^ONEFOLD_CLICKHOUSE_CA_FILE='{no_certificates}'.* in PEM"):
            Warehouse(ClickHouse("https://127.0.0.1:1", ca_file=no_certificates))


def test_what_is_printed_of_a_server_has_no_password() -> None:
    server = ClickHouse(f"https://ann:{SECRET}@db.example.com:8443", password_file=Path(os.devnull))
    for shown in (repr(server), str(server), server.shown_url, server.host_and_port):
        assert SECRET not in shown
    assert (server.user_name, server.shown_url) == ("ann", "https://db.example.com:8443")
