"""Operators' requests over HTTP: who may, what is refused, what is sent. GRAPH's own tests do the rest."""

import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from embedded.layout import free_ports
from embedded.stack import Stack
from schemas.records import Identifier, IdentityChange, IdentityRequest, Pair
from settings import Workspace
from settings.workspaces import WorkspacesFile
from tests.collectors.processes import api_process, wait_until_ok
from tests.onefold.stand_in_graph import StandInGraph
from tests.sinks.history import History
from tests.support import plain
from tests.support.waiting import wait_until
from warehouse.client import Warehouse
from warehouse.migrate import migrate

pytestmark = pytest.mark.stack

UNMERGE = {"workspace": "requests", "profile": "user_id:ada", "split": ["user_id:bob"], "reason": "two", "forbid": True}
PAIR = Pair(Identifier("user_id", "ada"), Identifier("email", "a@example.org"))
READ_KEY, ADMIN_KEY = "reader-0123456789abcdef", "admin-0123456789abcdef"
ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}


def serve(stack: Stack, folder: Path, **changed: str) -> Iterator[str]:
    workspace = Workspace("requests", uuid.uuid4(), read_keys=(READ_KEY,), admin_keys=(ADMIN_KEY,))
    (folder / "onefold.yaml").write_bytes(msgspec.json.encode(WorkspacesFile((workspace,))))
    own = {"ONEFOLD_API_PORT": "0", "ONEFOLD_CONFIG": str(folder / "onefold.yaml")}
    with api_process(dict(stack.environment) | own | {"ONEFOLD_OPEN_READS": "0"} | changed, folder / "log") as process:
        wait_until_ok(process, "schemas")
        yield process.url


@pytest.fixture(scope="module")
def url(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from serve(stack, tmp_path_factory.mktemp("api"))


@pytest.fixture
def warehouse(stack: Stack) -> None:
    """The tables that requests are looked up in."""
    client = Warehouse(stack.addresses.clickhouse)
    migrate(client)
    client.close()


def undecided(_request: IdentityRequest) -> tuple[IdentityChange, ...]:
    return ()


@pytest.mark.parametrize("auth", [{"headers": ADMIN}, {"auth": (ADMIN_KEY, "")}])
def test_an_accepted_request_is_in_kafka(stack: Stack, url: str, auth: dict[str, object]) -> None:
    with StandInGraph(stack, "requests", undecided) as graph:
        answer = plain.post(f"{url}/v1/identity/unmerge", json=UNMERGE, **auth)  # type: ignore[arg-type]
        assert answer.status_code == 202, answer.text
        wait_until(lambda: bool(graph.requests), "the request")
    (request,) = graph.requests
    assert answer.json() == {"request_id": request.request_id, "state": "unanswered"}
    assert request.identifiers == (Identifier("user_id", "ada"), Identifier("user_id", "bob"))
    assert (request.kind, request.reason, request.forbid) == ("unmerge", "two", True)


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    ("changed", "status", "code", "field"),
    [
        ({"split": []}, 400, "invalid_request", "split"),
        ({"split": ["bob"]}, 400, "invalid_request", "split"),
        ({"split": ["user_id:ada"]}, 400, "invalid_request", "split"),
        ({"split": ["a:b"] * 1_001}, 400, "invalid_request", "split"),
        ({"profile": "ada"}, 400, "invalid_request", "profile"),
        ({"profile": "userid:ada"}, 400, "invalid_request", "profile"),
        ({"split": ["email:a@b.com"]}, 400, "invalid_request", "split"),
        ({"split": "user_id:bob"}, 400, "invalid_body", None),
        ({"splits": []}, 400, "invalid_body", None),
        ({"workspace": "nowhere"}, 401, "unknown_admin_key", "Authorization"),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused_with_its_field(
    url: str, changed: dict[str, object], status: int, code: str, field: str | None
) -> None:
    answer = plain.post(f"{url}/v1/identity/unmerge", json=UNMERGE | changed, headers=ADMIN)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (status, code, field), error


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    ("path", "body", "kind", "identifiers", "pairs"),
    [
        ("merge", {"left": "email:a@example.org", "right": "user_id:ada"}, "merge", (), (PAIR,)),
        ("allow", {"pairs": [["email:a@example.org", "user_id:ada"]]}, "allow", (), (PAIR,)),
        ("unshare", {"device": "anonymous_id:tablet"}, "unshare", (Identifier("anonymous_id", "tablet"),), ()),
        ("quarantine/accept", {"pairs": [["user_id:ada", "email:a@example.org"]]}, "accept", (), (PAIR,)),
        ("quarantine/refuse", {"pairs": [["user_id:ada", "email:a@example.org"]]}, "refuse", (), (PAIR,)),
    ],
)
def test_every_request_is_taken_with_an_admin_key(  # noqa: PLR0913, PLR0917 - a request and what is sent
    stack: Stack,
    url: str,
    path: str,
    body: dict[str, object],
    kind: str,
    identifiers: tuple[Identifier, ...],
    pairs: tuple[Pair, ...],
) -> None:
    assert plain.post(f"{url}/v1/identity/{path}", json=body).status_code == 401
    with StandInGraph(stack, "requests", undecided) as graph:
        whole = body | {"workspace": "requests", "reason": "why"}
        answer = plain.post(f"{url}/v1/identity/{path}", json=whole, headers=ADMIN)
        assert answer.status_code == 202, answer.text
        wait_until(lambda: bool(graph.requests), "the request")
    (request,) = graph.requests
    assert request.request_id == answer.json()["request_id"]
    assert (request.kind, request.identifiers, request.pairs) == (kind, identifiers, pairs)
    assert (request.source, request.reason) == ("operator", "why")


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("retract", {"source": ""}, 400, "source"),
        ("retract", {"source": "nobody"}, 400, "source"),
        ("retract", {"source": "x" * 50_000}, 400, "source"),
        ("retract", {"source": "nobody", "dry_run": True}, 400, "source"),
        ("retract", {"source": "web", "since": "yesterday"}, 400, "since"),
        ("retract", {}, 400, None),
        ("unmerge", {"source": "web"}, 400, None),
        ("merge", {"left": "user_id:ada", "right": "user_id:ada"}, 400, "right"),
        ("merge", {"left": "user_id:ada", "right": "email:ann@"}, 400, "right"),
        ("merge", {"left": "ada", "right": "user_id:ada"}, 400, "left"),
        ("merge", {"left": str(uuid.UUID(int=0)), "right": "user_id:ada"}, 404, "profile"),
        ("merge", {"left": "user_id:ada"}, 400, None),
        ("allow", {"pairs": []}, 400, "pairs"),
        ("allow", {"pairs": [["user_id:ada"]]}, 400, None),
        ("allow", {"pairs": [["user_id:ada", "userid:b"]]}, 400, "pairs"),
        ("unshare", {"device": "tablet"}, 400, "device"),
        ("quarantine/accept", {}, 400, "pairs"),
        ("quarantine/accept", {"all": True}, 400, "all"),
        ("quarantine/refuse", {"all": True, "pairs": [["user_id:ada", "user_id:b"]]}, 400, "pairs"),
    ],
)
def test_what_no_request_can_be_is_refused_with_its_field(
    url: str, path: str, body: dict[str, object], status: int, field: str | None
) -> None:
    answer = plain.post(f"{url}/v1/identity/{path}", json=body | {"workspace": "requests"}, headers=ADMIN)
    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field), answer.text


def test_an_unmerge_can_be_tried(stack: Stack, url: str) -> None:
    with Warehouse(stack.addresses.clickhouse) as client:
        migrate(client)
        history = History("requests")
        history.event("m1", "user_id:cara", "email:cara@example.com")
        history.event("m2", "user_id:cara", "phone:+4930123456")
        history.write(client)
    body = {"workspace": "requests", "profile": "user_id:cara", "split": ["phone:+4930123456"], "dry_run": True}
    assert plain.post(f"{url}/v1/identity/unmerge", json=body).status_code == 401
    with StandInGraph(stack, "requests", undecided) as graph:
        answer = plain.post(f"{url}/v1/identity/unmerge", json=body, headers=ADMIN)
        assert answer.status_code == 200, answer.text
    assert graph.requests == []
    tried = answer.json()
    assert [(profile["identifiers"], profile["events"]) for profile in tried["profiles"]] == [
        ([{"namespace": "user_id", "value": "cara"}, {"namespace": "email", "value": "cara@example.com"}], 2),
        ([{"namespace": "phone", "value": "+4930123456"}], 0),
    ]
    assert (tried["dry_run"], tried["reasons"]) == (True, [])


def test_all_that_a_source_said_is_taken_back(stack: Stack, url: str) -> None:
    with Warehouse(stack.addresses.clickhouse) as client:
        migrate(client)
        history = History("requests")
        history.event("m1", "user_id:dora", "email:dora@example.com", source="crm-import")
        history.event("m2", "user_id:dora", "phone:+4930123457", source="crm-import")
        history.event("m3", "user_id:dora", "external_id:7", source="web")
        history.write(client)
    body = {"workspace": "requests", "source": "crm-import", "since": "2026-03-01T08:02:00Z"}
    assert plain.post(f"{url}/v1/identity/retract", json=body).status_code == 401
    with StandInGraph(stack, "requests", undecided) as graph:
        tried = plain.post(f"{url}/v1/identity/retract", json=body | {"dry_run": True}, headers=ADMIN)
        answer = plain.post(f"{url}/v1/identity/retract", json=body | {"reason": "why"}, headers=ADMIN)
        assert answer.status_code == 202, answer.text
        wait_until(lambda: bool(graph.requests), "the request")
    (request,) = graph.requests
    dora, phone = Identifier("user_id", "dora"), Identifier("phone", "+4930123457")
    assert (request.kind, request.pairs, request.reason) == ("retract", (Pair(dora, phone, "crm-import"),), "why")
    assert sorted(len(profile["identifiers"]) for profile in tried.json()["profiles"]) == [1, 3]


@pytest.mark.parametrize(
    "authorization", [None, f"Bearer {READ_KEY}", "Basic !", "Bearer", "Basic Og==", "Bearer admin"]
)
def test_only_holders_of_an_admin_key_may(url: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    unmerge = plain.post(f"{url}/v1/identity/unmerge", json=UNMERGE, headers=headers)
    state = plain.get(f"{url}/v1/identity/requests/r?workspace=requests", headers=headers)
    assert (unmerge.status_code, state.status_code) == (401, 401)
    assert unmerge.json()["error"]["code"] == "unknown_admin_key"


@pytest.mark.usefixtures("warehouse")
def test_an_id_that_no_request_gets_is_not_found(url: str) -> None:
    def status(request_id: str) -> httpx.Response:
        return plain.get(f"{url}/v1/identity/requests/{request_id}?workspace=requests", headers=ADMIN)

    nonsense, unheard_of = status("nonsense"), status(uuid.uuid4().hex)
    assert status("x" * 2_000).status_code == 404
    assert (nonsense.status_code, nonsense.json()["error"]["code"]) == (404, "unknown_request")
    assert (unheard_of.status_code, unheard_of.json()["state"]) == (200, "unanswered")


def test_a_page_of_another_site_cannot_request_anything(url: str) -> None:
    body = msgspec.json.encode(UNMERGE)
    answer = plain.post(f"{url}/v1/identity/unmerge", content=body, headers=ADMIN | {"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_type")


def test_a_clickhouse_that_is_away_is_no_fault_of_the_request(stack: Stack, tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"
    for url in serve(stack, tmp_path, ONEFOLD_CLICKHOUSE=nowhere):
        body = UNMERGE | {"profile": str(uuid.uuid4())}
        for answer in (
            plain.post(f"{url}/v1/identity/unmerge", json=body, headers=ADMIN),
            plain.get(f"{url}/v1/identity/requests/r?workspace=requests", headers=ADMIN),
        ):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


def test_open_reads_open_no_request(stack: Stack, tmp_path: Path) -> None:
    for url in serve(stack, tmp_path, ONEFOLD_OPEN_READS="1"):
        assert plain.post(f"{url}/v1/identity/unmerge", json=UNMERGE).status_code == 401
        assert plain.get(f"{url}/v1/identity/requests/{uuid.uuid4().hex}?workspace=requests").status_code == 401
        assert plain.post(f"{url}/v1/identity/unmerge", json=UNMERGE, headers=ADMIN).status_code == 202


def test_the_key_is_checked_before_the_body_is_read(url: str) -> None:
    """A body that is announced and not sent: whoever read it first would wait for it."""
    host, _, port = url.removeprefix("http://").partition(":")
    head = f"POST /v1/identity/unmerge HTTP/1.1\r\nHost: {url[7:]}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"{head}Content-Length: 9\r\n\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 401")
