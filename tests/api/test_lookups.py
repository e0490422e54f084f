"""What every look-up asks for before it answers: a key, a workspace, and a ClickHouse that is there."""

import base64

import pytest

from tests.api.conftest import Client

pytestmark = pytest.mark.stack

PATHS = (
    "profiles/user_id:ada",
    "identity/explain/user_id:ada",
    "identity/devices",
    "identity/devices/cookie:c",
    "identity/quarantine",
    "segments",
    "segments/buyers/members",
    "segments/buyers/history",
)


@pytest.mark.parametrize("path", PATHS)
def test_reading_needs_the_workspaces_key_unless_reads_are_open(client: Client, workspace: str, path: str) -> None:
    closed = client(open_reads=False)

    def status(authorization: str | None, name: str = workspace) -> int:
        headers = {} if authorization is None else {"Authorization": authorization}
        return closed.get(f"/v1/{path}", params={"workspace": name}, headers=headers).status_code

    basic = base64.b64encode(b"reader:").decode()
    refused = [None, "Bearer other", "Bearer ", "Basic !", f"Bearer {basic}", "reader"]
    assert [status(authorization) for authorization in refused] == [401] * len(refused)
    assert status("Bearer reader", "nowhere") == 401
    # Segments are asked of Kafka as well, which is not here.
    assert status("Bearer reader") == status(f"Basic {basic}") in {200, 404, 503}


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_workspace_is_not_found(client: Client, path: str) -> None:
    answer = client().get(f"/v1/{path}", params={"workspace": "nowhere"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_workspace")


@pytest.mark.parametrize("path", PATHS)
def test_a_clickhouse_that_is_away_is_a_503_with_retry_after(client: Client, workspace: str, path: str) -> None:
    answer = client(clickhouse="http://127.0.0.1:1").get(f"/v1/{path}", params={"workspace": workspace})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
