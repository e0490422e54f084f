"""Salesforce: the steps of a job, byte by byte, and what becomes of each record."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from definitions.receivers.salesforce import Salesforce
from definitions.receivers.values import Secret
from sinks.destinations.contract import Delivered, Delivery, Refused, Retry, Unauthorised
from sinks.destinations.salesforce import SalesforceRecords
from tests.sinks.destinations.deliveries import Change, delivery
from tests.sinks.destinations.services.crm import JOBS, SalesforceService, salesforce_error
from tests.sinks.destinations.services.service import answer

pytestmark = pytest.mark.anyio


def person(name: str, change: Change = "entered", *, segment: str = "loyal", version: int = 1) -> Delivery:
    fields = {"id": name, "record": {"Email": f"{name}@shop.example"}, "segment": segment, "change": change}
    return delivery(name, fields, change, segment=segment, version=version)


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESFORCE_SECRET", "of the app")


@asynccontextmanager
async def opened(service: SalesforceService, **options: object) -> AsyncIterator[SalesforceRecords]:
    written = {"allow_private": True, **options}
    secret = Secret(env="SALESFORCE_SECRET")
    destination = SalesforceRecords(Salesforce(service.url, "app", secret, **written), 5)  # type: ignore[arg-type]
    try:
        yield destination
    finally:
        await destination.close()


async def test_a_batch_is_a_job_of_its_own() -> None:
    async with SalesforceService() as salesforce, opened(salesforce) as records:
        outcomes = await records.send([person("ann"), person("bob", "exited")])
    assert [type(outcome) for outcome in outcomes] == [Delivered, Delivered]
    assert [(sent.method, sent.path) for sent in salesforce.sent] == [
        ("POST", "/services/oauth2/token"),
        ("GET", f"{JOBS}?jobType=V2Ingest"),
        ("POST", JOBS),
        ("PUT", f"{JOBS}/7500/batches"),
        ("PATCH", f"{JOBS}/7500"),
        ("GET", f"{JOBS}/7500"),
    ]
    _, _, created, uploaded, closed, _ = salesforce.sent
    assert created.body == (
        b'{"object":"Contact","externalIdFieldName":"Onefold_Id__c","contentType":"CSV","operation":"upsert",'
        b'"lineEnding":"LF"}'
    )
    assert uploaded.body == (
        b"Email,In_loyal__c,Onefold_Id__c\nann@shop.example,true,ann\nbob@shop.example,false,bob\n"
    )
    assert closed.body == b'{"state":"UploadComplete"}'


async def test_cells_hold_whatever_people_write() -> None:
    record = {"Name": 'O"Neil, "Köln"\nline', "Age": 5, "Vip": True, "Tags": ["a", "b"], "Gone": None}
    async with SalesforceService() as salesforce, opened(salesforce) as records:
        await records.send([delivery("ann", {"id": "a,b", "record": record})])
    assert salesforce.records == {
        "a,b": {
            "Name": 'O"Neil, "Köln"\nline',
            "Age": "5",
            "Vip": "true",
            "Tags": "a;b",
            "Gone": "#N/A",
            "Onefold_Id__c": "a,b",
        }
    }


async def test_a_record_stands_in_a_job_once_with_its_last_change() -> None:
    sent = [person("ann"), person("ann", segment="vip"), person("ann", "exited", version=2)]
    async with SalesforceService() as salesforce, opened(salesforce) as records:
        await records.send(sent)
    assert [len(rows) for rows in salesforce.uploaded] == [1, 1]
    assert salesforce.records["ann"].items() >= {"In_vip__c": "true", "In_loyal__c": "false"}.items()


async def test_records_that_fail_are_named_by_the_results() -> None:
    async with SalesforceService() as salesforce, opened(salesforce) as records:
        salesforce.failing = {
            "p2": "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --",
            "p4": "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access:--",
        }
        outcomes = await records.send([person(f"p{at}") for at in range(6)])
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Delivered, Delivered, Refused, Delivered, Retry, Delivered]
    assert isinstance(outcomes[2], Refused)
    assert outcomes[2].detail.startswith("REQUIRED_FIELD_MISSING")


@pytest.mark.parametrize("shown_as", [str.upper, lambda _: None])
async def test_results_that_do_not_name_a_record_are_searched(shown_as: Callable[[str], str | None]) -> None:
    async with SalesforceService() as salesforce, opened(salesforce) as records:
        salesforce.failing = {"p2": "DUPLICATE_VALUE:duplicate:--"}
        salesforce.shown_as = shown_as
        outcomes = await records.send([person(f"p{at}") for at in range(4)])
    assert [type(outcome) for outcome in outcomes] == [Delivered, Delivered, Refused, Delivered]


@pytest.mark.parametrize(
    ("error", "kind"), [("InvalidBatch : Field name not found : In_loyal__c", Refused), ("InternalServerError", Retry)]
)
async def test_a_job_that_failed_says_why(error: str, kind: type) -> None:
    async with SalesforceService() as salesforce, opened(salesforce) as records:
        salesforce.error = error
        outcomes = await records.send([person("ann"), person("bob")])
    assert [type(outcome) for outcome in outcomes] == [kind, kind]


async def test_a_job_that_takes_too_long_is_aborted_before_it_is_tried_again() -> None:
    async with SalesforceService() as salesforce, opened(salesforce, wait_ms=1) as records:
        salesforce.polls = 1_000
        [outcome] = await records.send([person("ann")])
    assert isinstance(outcome, Retry)
    assert outcome.reason == "timeout"
    assert salesforce.jobs[0]["state"] == "Aborted"
    assert salesforce.records == {}


async def test_a_job_that_is_cancelled_is_aborted() -> None:
    async with SalesforceService() as salesforce, opened(salesforce) as records:
        await records.send([person("bob")])
        salesforce.polls = 1_000
        sending = asyncio.ensure_future(records.send([person("ann")]))
        await salesforce.asked(f"{JOBS}/7501")
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    assert salesforce.jobs[1]["state"] == "Aborted"


def left_by_a_kill(salesforce: SalesforceService, name: str) -> None:
    """Have a job wait for its turn, of a process that is no more."""
    salesforce.jobs.append({"id": "7500", "state": "UploadComplete", "object": "Contact", "operation": "upsert"})
    salesforce.uploaded.append([{"Onefold_Id__c": name, "In_loyal__c": "true"}])


async def test_a_job_that_a_killed_process_has_left_ends_before_the_first_one() -> None:
    async with SalesforceService() as salesforce, opened(salesforce) as records:
        left_by_a_kill(salesforce, "ann")
        salesforce.jobs.append({"id": "7501", "state": "UploadComplete", "object": "Lead", "operation": "upsert"})
        salesforce.uploaded.append([])
        salesforce.polls = 2
        [outcome] = await records.send([person("ann", "exited", version=2)])
        await records.send([person("bob")])
    steps = [(sent.method, sent.path) for sent in salesforce.sent]
    assert isinstance(outcome, Delivered)
    assert salesforce.records["ann"]["In_loyal__c"] == "false"
    assert steps[1:7] == [
        ("GET", f"{JOBS}?jobType=V2Ingest"),
        ("GET", f"{JOBS}?queryLocator=1"),
        *[("GET", f"{JOBS}/7500")] * 3,
        ("POST", JOBS),
    ]
    assert [method for method, path in steps if path in {f"{JOBS}/7500", f"{JOBS}/7501"}] == ["GET"] * 3


async def test_however_many_jobs_there_were_those_of_before_are_found() -> None:
    async with SalesforceService() as salesforce, opened(salesforce) as records:
        for number in range(30):  # of which a page has one
            salesforce.jobs.append({"id": f"x{number}", "state": "Aborted", "object": "Contact", "operation": "upsert"})
        salesforce.uploaded += [[] for _ in range(30)]
        salesforce.jobs.append({"id": "75030", "state": "UploadComplete", "object": "Contact", "operation": "upsert"})
        salesforce.uploaded.append([{"Onefold_Id__c": "ann", "In_loyal__c": "true"}])
        [outcome] = await records.send([person("ann", "exited", version=2)])
    assert isinstance(outcome, Delivered)
    assert salesforce.records["ann"]["In_loyal__c"] == "false"


async def test_while_a_job_of_before_does_not_end_nothing_is_written() -> None:
    async with SalesforceService() as salesforce, opened(salesforce, wait_ms=1) as records:
        left_by_a_kill(salesforce, "ann")
        salesforce.polls = 1_000
        [outcome] = await records.send([person("ann", "exited", version=2)])
    assert isinstance(outcome, Retry)
    assert len(salesforce.jobs) == 1


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (salesforce_error(404, "NOT_FOUND", "The requested resource does not exist"), Delivered),
        (salesforce_error(400, "INVALIDJOB", "no"), Delivered),
        (salesforce_error(403, "INSUFFICIENT_ACCESS", "no"), Delivered),
        (salesforce_error(503, "SERVER_UNAVAILABLE", "busy"), Retry),
        (salesforce_error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), Retry),
    ],
)
async def test_a_job_of_before_that_cannot_be_read_refuses_nothing(said: web.Response, kind: type) -> None:
    async with SalesforceService() as salesforce, opened(salesforce) as records:
        left_by_a_kill(salesforce, "ann")
        listed = answer(200, {"records": salesforce.jobs})
        salesforce.tokens = {"token-1"}
        salesforce.planned = [answer(200, {"access_token": "token-1"}), listed, said]
        [outcome] = await records.send([person("ann", "exited", version=2)])
        [following] = await records.send([person("bob")])
    assert [type(outcome), type(following)] == [kind, Delivered]
    shown = [sent for sent in salesforce.sent if (sent.method, sent.path) == ("GET", f"{JOBS}/7500")]
    assert len(shown) == (1 if kind is Delivered else 2), "it is asked for no more once it counts as ended"


async def test_who_may_not_list_jobs_may_send() -> None:
    async with SalesforceService() as salesforce, opened(salesforce) as records:
        salesforce.tokens = {"token-1"}
        salesforce.planned = [answer(200, {"access_token": "token-1"}), salesforce_error(400, "INVALID_QUERY", "no")]
        [outcome] = await records.send([person("ann")])
    assert isinstance(outcome, Delivered)


async def test_a_session_that_has_ended_is_renewed_once() -> None:
    async with SalesforceService() as salesforce, opened(salesforce) as records:
        await records.send([person("ann")])
        salesforce.tokens = set()
        [renewed] = await records.send([person("bob")])
        salesforce.planned = [salesforce_error(401, "INVALID_SESSION_ID", "Session expired")]
        [again] = await records.send([person("cay")])
    assert isinstance(renewed, Delivered)
    assert isinstance(again, Delivered)
    assert [sent.path for sent in salesforce.sent].count("/services/oauth2/token") == 3


async def test_credentials_that_are_not_accepted_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESFORCE_SECRET", "revoked!")
    async with SalesforceService() as salesforce, opened(salesforce) as records:
        [outcome] = await records.send([person("ann")])
    assert isinstance(outcome, Unauthorised)
    assert outcome.detail == "no access token was granted: invalid_client"
    assert "revoked!" not in str(outcome)


@pytest.mark.parametrize(
    ("planned", "kind"),
    [
        (salesforce_error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), Retry),
        (salesforce_error(403, "API_DISABLED_FOR_ORG", "no"), Unauthorised),
        (salesforce_error(400, "INVALIDENTITY", "Entity 'X' is not supported"), Refused),
        (salesforce_error(503, "SERVER_UNAVAILABLE", "busy"), Retry),
        (answer(200, {}), Retry),
        (web.Response(text="no"), Retry),
    ],
)
async def test_a_job_that_cannot_be_made_has_its_outcome(planned: web.Response, kind: type) -> None:
    async with SalesforceService() as salesforce, opened(salesforce) as records:
        await records.send([person("first")])
        salesforce.planned = [planned]
        outcomes = await records.send([person("ann"), person("bob")])
    assert [type(outcome) for outcome in outcomes] == [kind, kind]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"id": "a"},
        {"segment": "x", "change": "entered"},
        {"id": "a", "record": []},
        {"id": "a", "record": {"b": {}}},
    ],
)
async def test_what_cannot_be_written_is_not_sent(fields: Mapping[str, object]) -> None:
    async with SalesforceService() as salesforce, opened(salesforce) as records:
        [outcome] = await records.send([delivery("ann", fields)])
    assert isinstance(outcome, Refused)
    assert outcome.reason == "unmappable"
    assert salesforce.sent == []
