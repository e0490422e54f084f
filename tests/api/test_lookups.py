"""What every look-up asks for before it answers: a key, a workspace, and a ClickHouse that is there."""

import base64

import pytest

from tests.api.conftest import Client

pytestmark = pytest.mark.stack

OF_CLICKHOUSE = (
    "profiles/user_id:ada",
    "identity/explain/user_id:ada",
    "identity/devices",
    "identity/devices/cookie:c",
    "identity/quarantine",
)
PATHS = (*OF_CLICKHOUSE, "segments", "segments/buyers/members", "segments/buyers/history")
BASIC = base64.b64encode(b"reader:").decode()


@pytest.mark.parametrize("path", PATHS)
def test_reading_needs_the_workspaces_key_unless_reads_are_open(client: Client, workspace: str, path: str) -> None:
    closed = client(open_reads=False)

    def status(authorization: str | None, name: str = workspace) -> int:
        headers = {} if authorization is None else {"Authorization": authorization}
        return closed.get(f"/v1/{path}", params={"workspace": name}, headers=headers).status_code

    refused = [None, "Bearer other", "Bearer ", "Basic !", f"Bearer {BASIC}", "reader"]
    assert [status(authorization) for authorization in refused] == [401] * len(refused)
    assert status("Bearer reader", "nowhere") == 401


# Segments are asked of Kafka as well, which is not here: one of them shows that the key was right.
@pytest.mark.parametrize("authorization", ["Bearer reader", f"Basic {BASIC}"])
@pytest.mark.parametrize(("path", "statuses"), [*((path, {200, 404}) for path in OF_CLICKHOUSE), ("segments", {503})])
def test_the_workspaces_key_opens_what_is_read(
    client: Client, workspace: str, path: str, statuses: set[int], authorization: str
) -> None:
    headers = {"Authorization": authorization}
    answer = client(open_reads=False).get(f"/v1/{path}", params={"workspace": workspace}, headers=headers)
    assert answer.status_code in statuses


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_workspace_is_not_found(client: Client, path: str) -> None:
    answer = client().get(f"/v1/{path}", params={"workspace": "nowhere"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_workspace")


@pytest.mark.parametrize("path", PATHS)
def test_a_clickhouse_that_is_away_is_a_503_with_retry_after(client: Client, workspace: str, path: str) -> None:
    answer = client(clickhouse="http://127.0.0.1:1").get(f"/v1/{path}", params={"workspace": workspace})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
