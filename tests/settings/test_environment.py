"""Settings from the environment: defaults, every variable, and errors that name the variable."""

import re
from pathlib import Path

import msgspec
import pytest

from embedded.workspaces import write_local_workspaces
from settings import ClickHouse, Settings, SettingsError, load


def test_an_empty_environment_gives_the_embedded_stacks_settings() -> None:
    assert load({}) == Settings()


def test_the_defaults_listen_and_connect_on_loopback_only() -> None:
    settings = load({})

    for address in (settings.kafka, settings.registry, settings.clickhouse.url, settings.serving.http_host):
        assert "127.0.0.1" in address


def test_nothing_is_defined_unless_a_folder_is_named() -> None:
    assert load({}).definitions is None
    assert load({"ONEFOLD_DEFINITIONS": "shop"}).definitions == Path("shop")


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("ONEFOLD_KAFKA", "broker:9093", "kafka", "broker:9093"),
        ("ONEFOLD_HTTP_PORT", "9999", "http_port", 9999),
        ("ONEFOLD_API_PORT", "9998", "api_port", 9998),
        ("ONEFOLD_PARTITIONS", "12", "partitions", 12),
        ("ONEFOLD_DATA_DIR", "/srv/onefold", "data_dir", Path("/srv/onefold")),
        ("ONEFOLD_OPEN_READS", "1", "open_reads", True),
        ("ONEFOLD_OPEN_READS", "False", "open_reads", False),
        ("ONEFOLD_KAFKA", "", "kafka", "127.0.0.1:9092"),
        ("ONEFOLD_CONNECTIONS", "4096", "connections", 4096),
        ("ONEFOLD_CONNECTIONS_PER_ADDRESS", "0", "connections_per_address", 0),
        ("ONEFOLD_TRUSTED_HOSTS", "a.example, *.B.example", "trusted_hosts", ("a.example", "*.b.example")),
    ],
)
def test_a_variable_sets_its_field(variable: str, text: str, field: str, value: object) -> None:
    settings = load({variable: text})
    assert getattr(settings if hasattr(settings, field) else settings.serving, field) == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("ONEFOLD_HTTP_PORT", "http"),
        ("ONEFOLD_HTTP_PORT", "65536"),
        ("ONEFOLD_HTTP_PORT", "-1"),
        ("ONEFOLD_PARTITIONS", "0"),
        ("ONEFOLD_PARTITIONS", "4.5"),
        ("ONEFOLD_OPEN_READS", "maybe"),
        ("ONEFOLD_CONNECTIONS", "0"),
        ("ONEFOLD_TRUSTED_HOSTS", ","),
        ("ONEFOLD_TRUSTED_HOSTS", "a.example:8080"),
        ("ONEFOLD_TRUSTED_HOSTS", "*"),
        ("ONEFOLD_TRUSTED_HOSTS", "https://a.example"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_variable(variable: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable}='{re.escape(text)}': expected "):
        load({variable: text})


def test_how_clickhouse_is_reached_is_one_record(tmp_path: Path) -> None:
    given = {
        "": "https://db:8443",
        "_USER": "ann",
        "_PASSWORD_FILE": str(tmp_path),
        "_CA_FILE": "ca.pem",
        "_CLUSTER": "c",
    }
    server = load({f"ONEFOLD_CLICKHOUSE{name}": value for name, value in given.items()}).clickhouse
    assert server == ClickHouse("https://db:8443", "ann", tmp_path, Path("ca.pem"), "c")


def test_certificates_of_a_server_that_shows_none_are_refused() -> None:
    with pytest.raises(
        SettingsError, match=r"ONEFOLD_CLICKHOUSE_CA_FILE .* let ONEFOLD_CLICKHOUSE begin with https://"
    ):
        load({"ONEFOLD_CLICKHOUSE_CA_FILE": "ca.pem", "ONEFOLD_CLICKHOUSE": "http://db:8123"})


def test_a_user_with_a_password_behind_it_is_refused_without_it() -> None:
    with pytest.raises(SettingsError, match=r"^ONEFOLD_CLICKHOUSE_USER: expected a name without colons") as caught:
        load({"ONEFOLD_CLICKHOUSE_USER": "ann:sekret"})
    assert "sekret" not in str(caught.value)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        load({}).kafka = "elsewhere"  # type: ignore[misc]


def test_a_missing_workspaces_file_is_named_with_its_variable(tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"

    with pytest.raises(SettingsError, match=r"none\.yaml.*ONEFOLD_CONFIG"):
        load({"ONEFOLD_CONFIG": str(missing)})


def test_workspaces_come_from_the_file_that_is_named(tmp_path: Path) -> None:
    path = tmp_path / "onefold.yaml"
    path.write_text("workspaces: [{name: main, namespace: 6f1c2f5e-8f5b-4a4e-9d54-0c8f3a3f1c01}]", encoding="utf-8")

    assert list(load({"ONEFOLD_CONFIG": str(path)}).workspaces) == ["main"]
    assert msgspec.structs.replace(load({"ONEFOLD_CONFIG": str(path)}), workspaces={}) == Settings(workspaces={})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "collect.example.com", "127.0.0.1.example.com"])
def test_open_reads_are_refused_where_other_machines_can_reach_them(host: str) -> None:
    with pytest.raises(SettingsError, match=r"ONEFOLD_OPEN_READS=1 .* for loopback only"):
        load({"ONEFOLD_HTTP_HOST": host, "ONEFOLD_OPEN_READS": "1"})


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_open_reads_are_allowed_on_loopback(host: str) -> None:
    assert load({"ONEFOLD_HTTP_HOST": host, "ONEFOLD_OPEN_READS": "1"}).serving.open_reads


def test_a_source_for_this_machine_is_refused_where_other_machines_can_reach_it(tmp_path: Path) -> None:
    write_local_workspaces(tmp_path / "onefold.yaml", "wall")
    environment = {"ONEFOLD_CONFIG": str(tmp_path / "onefold.yaml"), "ONEFOLD_HTTP_HOST": "0.0.0.0"}

    with pytest.raises(SettingsError, match="source 'dev' of workspace 'main' is local_only"):
        load(environment)


@pytest.mark.parametrize("variable", ["ONEFOLD_CLICKHOUSE", "ONEFOLD_REGISTRY"])
@pytest.mark.parametrize("text", ["x:sekret@host", "ftp://x:sekret@host", "http://x:sekret@", "http://x:sekret@[::1"])
def test_an_address_that_is_none_is_refused_without_its_password(variable: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable}: expected an address") as caught:
        load({variable: text})
    assert "sekret" not in str(caught.value)
