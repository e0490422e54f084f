"""The deployment files, as far as they can be checked without an engine: nothing here is started.

Checked: the files that are mounted exist, settings and commands are known, what Prometheus scrapes and the dashboard
shows is what the processes serve, and the clickhouse profile is the embedded gateway's. Not checked: the images.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from prometheus_client import REGISTRY
from ruamel.yaml import YAML

import api.metrics
import collectors.metrics
import jobs.maintenance.metrics
import jobs.rebuild.metrics
import sinks.delivery.metrics
import sinks.metrics
import streams.metrics
from embedded.clickhouse.profile import PROFILE
from onefold.cli import COMMANDS
from settings import SettingsError, load, read_workspaces
from settings.environment import VARIABLES

ROOT = Path(__file__).resolve().parents[2]
SERVED_BY = (
    api.metrics,
    collectors.metrics,
    jobs.maintenance.metrics,
    jobs.rebuild.metrics,
    sinks.delivery.metrics,
    sinks.metrics,
    streams.metrics,
)


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, object]]:
    compose = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text())
    services: dict[str, dict[str, object]] = compose["services"]
    return services


def test_every_mounted_file_is_in_the_project(services: dict[str, dict[str, object]]) -> None:
    mounts = [str(mount) for service in services.values() for mount in _list(service.get("volumes"))]
    sources = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]

    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_onefold_services_run_commands_and_settings_that_exist(services: dict[str, dict[str, object]]) -> None:
    own = {name: service for name, service in services.items() if service.get("image") == "onefold:0.1.0"}

    assert set(own) == {"collector", "api", "worker", "sink", "rebuilder", "deliverer", "maintenance", "definitions"}
    for service in own.values():
        environment = service["environment"]
        assert isinstance(environment, dict)
        assert _list(service["command"])[0] in COMMANDS
        assert set(environment) <= VARIABLES
        load({name: str(value) for name, value in environment.items() if name != "ONEFOLD_CONFIG"})


def test_services_wait_only_for_services_with_a_health_check(services: dict[str, dict[str, object]]) -> None:
    for service in services.values():
        awaited = service.get("depends_on")
        if isinstance(awaited, dict):
            healthy = [name for name, awaits in awaited.items() if awaits["condition"] == "service_healthy"]
            assert all("healthcheck" in services[name] for name in healthy)
            ended = [
                name for name, awaits in awaited.items() if awaits["condition"] == "service_completed_successfully"
            ]
            assert all(services[name]["restart"] == "no" for name in ended)


def test_nothing_is_published_beyond_loopback(services: dict[str, dict[str, object]]) -> None:
    ports = [str(port) for service in services.values() for port in _list(service.get("ports"))]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_example_workspaces_file_is_valid_but_for_its_keys(tmp_path: Path) -> None:
    example = ROOT / "deploy" / "onefold.yaml"
    with pytest.raises(SettingsError, match="the example that everybody knows"):
        read_workspaces(example)
    own = tmp_path / "own.yaml"
    own.write_text(example.read_text(encoding="utf-8").replace("change-me-", "0123456789abcdef-"), encoding="utf-8")
    assert list(read_workspaces(own)) == ["main"]


def test_the_file_that_is_made_for_an_installation_can_be_used(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "onefold", "workspaces", "new", "main", "--source", "web", "--source", "crm"]
    made = [tmp_path / "one.yaml", tmp_path / "other.yaml"]
    for path in made:
        path.write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
    one, other = (read_workspaces(path)["main"] for path in made)
    assert [source.name for source in one.sources] == ["web", "crm"]
    assert one.namespace != other.namespace
    assert set(one.admin_keys).isdisjoint(other.admin_keys)


def test_prometheus_asks_services_of_the_composition_on_their_ports(services: dict[str, dict[str, object]]) -> None:
    config = YAML(typ="safe").load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    targets = [
        target for job in config["scrape_configs"] for group in job["static_configs"] for target in group["targets"]
    ]
    defaults = load({})
    ports = {
        "collector": defaults.serving.http_port,
        "api": defaults.serving.api_port,
        "worker": defaults.serving.worker_metrics_port,
        "sink": defaults.serving.sink_metrics_port,
        "rebuilder": defaults.serving.rebuilder_metrics_port,
        "maintenance": defaults.serving.maintenance_metrics_port,
        "deliverer": defaults.serving.deliverer_metrics_port,
    }

    assert targets == [f"{name}:{port}" for name, port in ports.items()]
    assert ports.keys() <= services.keys()


def test_the_dashboard_shows_metrics_that_are_served() -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/onefold.json").read_text())
    shown = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"onefold_\w+", target["expr"])
    }
    served = {family.name for family in REGISTRY.collect() if family.name.startswith("onefold_")}

    assert SERVED_BY
    assert {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in shown} <= served


def test_every_alert_is_about_metrics_that_are_served_and_has_a_section_of_the_runbook() -> None:
    groups = YAML(typ="safe").load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    served = {family.name + "_total" * (family.type == "counter") for family in REGISTRY.collect()}
    assert len(rules) == 9
    for rule in rules:
        asked = set(re.findall(r"onefold_\w+", rule["expr"]))
        assert asked or rule["expr"] == "up == 0"
        assert asked <= served
        page, _, heading = rule["annotations"]["runbook"].partition("#")
        headings = re.findall(r"^## (\w+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
        assert heading in [each.lower() for each in headings]
        assert rule["alert"] in headings


def test_no_alert_compares_counters_which_begin_anew_with_each_restart() -> None:
    groups = YAML(typ="safe").load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
    restarts_known = re.compile(r"increase\(\w+_total(\{[^}]*\})?\[\w+\]\)|\b(\w+_total) unless \2 offset \w+")
    expressions = [rule["expr"] for group in groups for rule in group["rules"]]
    assert sum("_total" in each for each in expressions) == 3
    assert [each for each in expressions if "_total" in restarts_known.sub("", each)] == []


def test_clickhouse_gets_the_profile_of_the_embedded_gateway() -> None:
    profile = ElementTree.parse(ROOT / "deploy/clickhouse/users.d/onefold.xml").getroot().find("profiles/default")

    assert profile is not None
    given = {setting.tag: setting.text for setting in profile}
    assert given == {name: value for name, value in PROFILE.items() if name != "async_insert"}  # a server's default


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
