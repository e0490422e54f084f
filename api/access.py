"""Read and admin keys: who may look up what is known of a workspace, and who may change who is who in it."""

from collections.abc import Iterable

from starlette.requests import Request

from runtime.http.callers import presents_key
from settings import Settings, Workspace

_HOW = "as user name of Basic authentication, or as Bearer"


class KeyRefused(Exception):
    """The request shows no key that counts; `code` says which kind is needed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def check_read_key(settings: Settings, workspace: str, request: Request) -> None:
    """Raise KeyRefused unless reads are open, or the request shows a read key of the workspace."""
    if settings.serving.open_reads:
        return
    member = settings.workspaces.get(workspace)
    if member is None or not presents_key(request.headers.get("authorization"), member.read_keys):
        raise KeyRefused("unknown_read_key", f"a read key of workspace {workspace!r} is needed: {_HOW}")


def check_admin_key(settings: Settings, workspace: str, request: Request) -> None:
    """Raise KeyRefused unless the request shows an admin key of the workspace; open reads open nothing here.

    Whoever holds no key of a workspace does not hear whether there is one of that name.
    """
    member = settings.workspaces.get(workspace)
    if not _presents_admin_key([member] if member is not None else [], request):
        raise _admin_key_refused(f"workspace {workspace!r}")


def check_any_admin_key(settings: Settings, request: Request) -> None:
    """Raise KeyRefused unless the request shows an admin key of some workspace."""
    if not _presents_admin_key(settings.workspaces.values(), request):
        raise _admin_key_refused("any workspace")


def _presents_admin_key(workspaces: Iterable[Workspace], request: Request) -> bool:
    keys = [key for workspace in workspaces for key in workspace.admin_keys]
    return presents_key(request.headers.get("authorization"), keys)


def _admin_key_refused(of: str) -> KeyRefused:
    return KeyRefused("unknown_admin_key", f"an admin key of {of} is needed: {_HOW}")
