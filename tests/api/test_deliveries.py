"""Deliveries over HTTP: what became of them by read keys, pauses and replays by admin keys."""

from collections.abc import Iterator

import pytest

from api.pausing import read_pauses
from definitions.destinations import Destination
from definitions.model import Definitions
from definitions.receivers.webhook import Webhook
from embedded.stack import Stack
from tests.api.conftest import Client
from tests.api.test_operators import ADMIN, READ_KEY, serve
from tests.sinks.examples import NOW, insert
from tests.support import plain
from tests.support.deliveries import attempt, placed_attempt
from tests.support.sets import applied_set
from warehouse.client import Warehouse
from warehouse.migrate import migrate

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def url(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An API of the workspace `requests`, in which one delivery was refused."""
    with Warehouse(stack.addresses.clickhouse) as warehouse:
        migrate(warehouse)
        refused = attempt("d1", "refused", "requests", destination="crm", reason="rejected")
        insert(warehouse, [placed_attempt(refused, 0)])
    yield from serve(stack, tmp_path_factory.mktemp("api"))


def test_attempts_are_listed_page_by_page_and_explained(
    client: Client, warehouse: Warehouse, workspace: str, stack: Stack
) -> None:
    attempts = [attempt(f"d{at}", "delivered", workspace, attempted_at=NOW + at) for at in range(3)]
    insert(warehouse, [placed_attempt(record, at) for at, record in enumerate(attempts)])
    query = {"workspace": workspace, "destination": "mail", "limit": "2"}
    api = client(kafka=stack.addresses.kafka)
    first = api.get("/v1/deliveries", params=query).json()
    rest = api.get("/v1/deliveries", params=query | {"cursor": first["next"]}).json()
    assert [each["delivery_id"] for each in (*first["deliveries"], *rest["deliveries"])] == ["d2", "d1", "d0"]
    assert rest["next"] is None
    explained = client().get("/v1/deliveries/d1", params={"workspace": workspace}).json()
    assert [(each["destination"], each["fate"]) for each in explained["destinations"]] == [("mail", "delivered")]


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("/v1/deliveries", {"outcome": "lost"}, 400, "invalid_request"),
        ("/v1/deliveries", {"reason": "lost"}, 400, "invalid_request"),
        ("/v1/deliveries", {"since": "yesterday"}, 400, "invalid_request"),
        ("/v1/deliveries", {"limit": "0"}, 400, "invalid_request"),
        ("/v1/deliveries", {"cursor": "x"}, 400, "invalid_request"),
        ("/v1/deliveries", {"profile": "ada"}, 400, "invalid_identifier"),
        ("/v1/deliveries/none", {}, 404, "unknown_delivery"),
    ],
)
def test_what_cannot_be_meant_is_refused(  # noqa: PLR0913, PLR0917 - a case
    client: Client, workspace: str, path: str, query: dict[str, str], status: int, code: str
) -> None:
    answer = client().get(path, params={"workspace": workspace} | query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text


def test_an_operator_pauses_and_resumes_a_destination(stack: Stack, url: str) -> None:
    applied_set(stack, Definitions(destinations=(Destination("http-crm", receiver=Webhook("https://crm.example/")),)))
    body = {"workspace": "requests", "destination": "http-crm", "reason": "it moves"}
    assert plain.post(f"{url}/v1/deliveries/pause", json=body, headers=ADMIN).status_code == 200
    assert read_pauses(stack.settings).of["http-crm"].reason == "it moves"
    answer = plain.post(f"{url}/v1/deliveries/resume", json=body, headers=ADMIN).json()
    assert answer == {"destination": "http-crm", "was_paused": True}
    said = read_pauses(stack.settings)
    assert ("http-crm" in said.of, said.resumed["http-crm"].destination) == (False, "http-crm")
    for command in ("pause", "resume"):
        mistyped = plain.post(f"{url}/v1/deliveries/{command}", json=body | {"destination": "htp-crm"}, headers=ADMIN)
        assert (mistyped.status_code, mistyped.json()["error"]["code"]) == (404, "unknown_destination")
        assert "did you mean 'http-crm'?" in mistyped.json()["error"]["message"]


def test_a_dry_replay_counts(stack: Stack, url: str) -> None:
    applied_set(stack, Definitions(destinations=(Destination("crm", receiver=Webhook("https://crm.example/")),)))
    body = {"workspace": "requests", "destination": "crm", "dry_run": True}
    answer = plain.post(f"{url}/v1/deliveries/replay", json=body, headers=ADMIN)
    assert answer.json() == {"destination": "crm", "replayed": 0, "left": 1}


@pytest.mark.parametrize("name", ["pause", "resume", "replay"])
def test_only_an_admin_key_may(url: str, name: str) -> None:
    body = {"workspace": "requests", "destination": "crm"}
    for headers in ({}, {"Authorization": f"Bearer {READ_KEY}"}):
        assert plain.post(f"{url}/v1/deliveries/{name}", json=body, headers=headers).status_code == 401


@pytest.mark.parametrize(
    "changed", [{"destination": ""}, {"outcome": "delivered"}, {"limit": 0}, {"since": "x"}, {"unknown": 1}]
)
def test_a_replay_that_cannot_be_meant_is_refused(url: str, changed: dict[str, object]) -> None:
    body = {"workspace": "requests", "destination": "crm"} | changed
    assert plain.post(f"{url}/v1/deliveries/replay", json=body, headers=ADMIN).status_code == 400
