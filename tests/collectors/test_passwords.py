"""Passwords in the addresses of other servers: nobody who asks the collector, and no reader of its log, sees them."""

import time
import uuid
from pathlib import Path

import httpx
import msgspec
import pytest

from embedded.layout import free_ports
from embedded.stack import Stack
from settings import Workspace
from settings.workspaces import WorkspacesFile
from tests.collectors.processes import CollectorProcess

pytestmark = pytest.mark.stack

SECRET = "sekret-0123456789"
READER, ADMIN = "reader-0123456789abcdef", "admin-0123456789abcdef"
HEADERS = {"Authorization": f"Bearer {ADMIN}"}


def test_no_answer_and_no_log_line_shows_a_password(stack: Stack, tmp_path: Path) -> None:
    registry, clickhouse, port = free_ports(3)
    workspace = Workspace("main", uuid.uuid4(), read_keys=(READER,), admin_keys=(ADMIN,))
    (tmp_path / "onefold.yaml").write_bytes(msgspec.json.encode(WorkspacesFile((workspace,))))
    environment = dict(stack.environment) | {
        "ONEFOLD_REGISTRY": f"http://someone:{SECRET}@127.0.0.1:{registry}/apis/ccompat/v7",
        "ONEFOLD_CLICKHOUSE": f"http://default:{SECRET}@127.0.0.1:{clickhouse}",
        "ONEFOLD_HTTP_PORT": str(port),
        "ONEFOLD_CONFIG": str(tmp_path / "onefold.yaml"),
    }
    process = CollectorProcess(environment, tmp_path / "log", whole_stack=True)
    try:
        said = ""
        deadline = time.monotonic() + 60
        while f"no answer from http://127.0.0.1:{clickhouse}" not in said:
            assert time.monotonic() < deadline, said
            said = httpx.get(f"{process.url}/health/ready", timeout=30).text
        for path in ("/metrics", "/v1/profiles/user_id:x", "/v1/identity/devices", "/v1/identity/explain/user_id:x"):
            said += httpx.get(f"{process.url}{path}", headers={"Authorization": f"Bearer {READER}"}, timeout=30).text
        order = {"profile": "user_id:a", "split": ["user_id:b"]}
        said += httpx.post(f"{process.url}/v1/identity/unmerge", json=order, headers=HEADERS, timeout=30).text
        said += httpx.get(f"{process.url}/v1/identity/requests/{uuid.uuid4().hex}", headers=HEADERS, timeout=30).text
    finally:
        process.kill()
    assert "unavailable" in said
    assert SECRET not in said + process.log()
