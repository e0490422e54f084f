"""One frozen settings object per process, from `ONEFOLD_*` and the workspaces file; nobody else reads them."""

from settings.addresses import host_and_port, with_credentials, without_credentials
from settings.clickhouse import ClickHouse
from settings.environment import load
from settings.errors import SettingsError
from settings.facts import ChannelRule, FactParser, FactSettings
from settings.model import SETTLING_MS, Serving, Settings
from settings.retention import Retention
from settings.workspaces import (
    OPERATOR_SOURCE,
    Clock,
    Source,
    Workspace,
    new_workspace,
    random_key,
    read_workspaces,
    why_no_source_name,
    workspaces_text,
)

__all__ = [
    "OPERATOR_SOURCE",
    "SETTLING_MS",
    "ChannelRule",
    "ClickHouse",
    "Clock",
    "FactParser",
    "FactSettings",
    "Retention",
    "Serving",
    "Settings",
    "SettingsError",
    "Source",
    "Workspace",
    "host_and_port",
    "load",
    "new_workspace",
    "random_key",
    "read_workspaces",
    "why_no_source_name",
    "with_credentials",
    "without_credentials",
    "workspaces_text",
]
