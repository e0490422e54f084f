"""One frozen settings object per process, from `ONEFOLD_*` and the workspaces file; nobody else reads them."""

from settings.environment import Settings, load
from settings.errors import SettingsError
from settings.workspaces import Clock, Source, Workspace, random_key, read_workspaces, write_default

__all__ = [
    "Clock",
    "Settings",
    "SettingsError",
    "Source",
    "Workspace",
    "load",
    "random_key",
    "read_workspaces",
    "write_default",
]
