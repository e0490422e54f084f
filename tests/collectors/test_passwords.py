"""Passwords in the addresses of other servers: nobody who asks collector or API, and no reader of a log, sees them."""

import re
import uuid
from pathlib import Path

import msgspec
import pytest

from embedded.layout import free_ports
from embedded.stack import Stack
from settings import Workspace
from settings.workspaces import WorkspacesFile
from tests.collectors.processes import api_process, collector_process
from tests.support import plain
from tests.support.process import ModuleProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

SECRET = "sekret-0123456789"
READER, ADMIN = "reader-0123456789abcdef", "admin-0123456789abcdef"
HEADERS = {"Authorization": f"Bearer {ADMIN}"}


def test_no_answer_and_no_log_line_shows_a_password(stack: Stack, tmp_path: Path) -> None:
    registry, clickhouse = free_ports(2)
    workspace = Workspace("main", uuid.uuid4(), read_keys=(READER,), admin_keys=(ADMIN,))
    (tmp_path / "onefold.yaml").write_bytes(msgspec.json.encode(WorkspacesFile((workspace,))))
    environment = dict(stack.environment) | {
        "ONEFOLD_REGISTRY": f"http://someone:{SECRET}@127.0.0.1:{registry}/apis/ccompat/v7",
        "ONEFOLD_CLICKHOUSE": f"http://default:{SECRET}@127.0.0.1:{clickhouse}",
        "ONEFOLD_HTTP_PORT": "0",
        "ONEFOLD_API_PORT": "0",
        "ONEFOLD_CONFIG": str(tmp_path / "onefold.yaml"),
    }
    with collector_process(environment, tmp_path / "log", whole_stack=True) as collector:
        said = _readiness(collector, clickhouse) + collector.metrics()
    with api_process(environment, tmp_path / "api.log") as api:
        said += _readiness(api, clickhouse)
        for path in ("/metrics", "/v1/profiles/user_id:x", "/v1/identity/devices", "/v1/identity/explain/user_id:x"):
            said += plain.get(f"{api.url}{path}", headers={"Authorization": f"Bearer {READER}"}, timeout=30).text
        body = {"profile": "user_id:a", "split": ["user_id:b"]}
        said += plain.post(f"{api.url}/v1/identity/unmerge", json=body, headers=HEADERS, timeout=30).text
        said += plain.get(f"{api.url}/v1/identity/requests/{uuid.uuid4().hex}", headers=HEADERS, timeout=30).text
    assert "unavailable" in said
    assert SECRET not in said + collector.output + api.output


def _readiness(process: ModuleProcess, clickhouse: int) -> str:
    """What a process says of itself once it has tried ClickHouse."""

    def readiness() -> str:
        return plain.get(f"{process.url}/health/ready", timeout=30).text

    tried = re.compile(
        f"no answer from http://127.0.0.1:{clickhouse}|ClickHouse at 127.0.0.1:{clickhouse} does not answer"
    )
    wait_until(lambda: tried.search(readiness()) is not None, "the outage to be noticed")
    return readiness()
