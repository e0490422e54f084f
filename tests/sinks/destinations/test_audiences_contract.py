"""Ads and contacts keep the contract of all receivers over HTTP; what grants access is a server of its own here."""

import asyncio
import csv
import io
import threading
from collections.abc import Iterator, Mapping
from typing import ClassVar
from urllib.parse import parse_qs

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from definitions.receivers.google_data_manager import GoogleDataManager, OAuthClient
from definitions.receivers.hubspot import HubSpot
from definitions.receivers.meta_audience import MetaAudience
from definitions.receivers.salesforce import Salesforce
from definitions.receivers.values import Secret
from sinks.destinations.contract import OpenDestination
from sinks.destinations.google_data_manager import GoogleAudiences
from sinks.destinations.hubspot import HubSpotContacts
from sinks.destinations.meta_audience import MetaAudiences
from sinks.destinations.salesforce import SalesforceRecords
from tests.sinks.destinations.contract import TIMEOUT_S, HttpContract
from tests.sinks.destinations.services.service import hashed

SECRET = Secret(env="AUDIENCES_SECRET")
ODD = {hashed(str(number)) for number in range(1, 10, 2)}


def is_odd(text: str) -> bool:
    """Whether the number in a text is odd."""
    return int("".join(filter(str.isdecimal, text))) % 2 == 1


@pytest.fixture(scope="module")
def token_url() -> Iterator[str]:
    """Where a token is granted to whoever asks, from a thread of its own: each case has an event loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    app = web.Application()
    app.router.add_post("/token", _granted)
    server = TestServer(app, host="127.0.0.1")
    asyncio.run_coroutine_threadsafe(server.start_server(), loop).result(30)
    yield str(server.make_url("/token"))
    asyncio.run_coroutine_threadsafe(server.close(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(30)
    loop.close()


async def _granted(_: web.Request) -> web.Response:
    return web.json_response({"access_token": "granted-token", "expires_in": 3_600})


class TestMetaAudience(HttpContract):
    """Meta's answers have no other form than its own."""

    SECRET_ENV: ClassVar[str] = SECRET.env

    def open(self, url: str, timeout_s: float = TIMEOUT_S, *, allow_private: bool = True) -> OpenDestination:
        """Open an audience."""
        return MetaAudiences(MetaAudience(SECRET, "101", url=url, allow_private=allow_private), timeout_s)

    def fields(self, number: int) -> Mapping[str, object]:
        """Hashes alone: there is no text."""
        return {"EMAIL": hashed(str(number))}

    def said(self, body: bytes) -> object:
        """All but the session, of which there is one for each request."""
        return {name: value for name, value in parse_qs(body).items() if name != b"session"}

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """Say that all was received."""
        form = await request.post()
        received = len(msgspec.json.decode(str(form["payload"]))["data"])
        return web.json_response({"session_id": "1", "num_received": received, "num_invalid_entries": 0})

    async def refuse_odd(self, request: web.Request) -> web.StreamResponse:
        """Name the hashes that are invalid; the others are taken."""
        rows = msgspec.json.decode(str((await request.post())["payload"]))["data"]
        invalid = [value for row in rows for value in row if value in ODD]
        said = {"session_id": "1", "num_received": len(rows), "num_invalid_entries": len(invalid)}
        return web.json_response(said | {"invalid_entry_samples": dict.fromkeys(invalid, "invalid")})


class TestGoogleDataManager(HttpContract):
    """Google's answers name a request."""

    SECRET_ENV: ClassVar[str] = SECRET.env

    @pytest.fixture(autouse=True)
    def _granting(self, token_url: str) -> None:
        self.token_url = token_url

    def open(self, url: str, timeout_s: float = TIMEOUT_S, *, allow_private: bool = True) -> OpenDestination:
        """Open an audience."""
        client = OAuthClient("app", SECRET, SECRET)
        options = GoogleDataManager(
            "77", audience="9", client=client, url=url, token_url=self.token_url, allow_private=allow_private
        )
        return GoogleAudiences(options, timeout_s)

    def fields(self, number: int) -> Mapping[str, object]:
        """Hashes alone: there is no text."""
        return {"emailAddress": hashed(str(number))}

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """Name the request."""
        assert await request.json()
        return web.json_response({"requestId": "r1"})

    async def refuse_odd(self, request: web.Request) -> web.StreamResponse:
        """Name the places of those that are invalid; nothing is taken."""
        members = [each["userData"]["userIdentifiers"] for each in (await request.json())["audienceMembers"]]
        refused = [at for at, values in enumerate(members) if any(each["emailAddress"] in ODD for each in values)]
        if not refused:
            return web.json_response({"requestId": "r1"})
        violations = [{"field": f"audienceMembers[{at}].userData", "description": "invalid"} for at in refused]
        details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}]
        error = {"code": 400, "message": "invalid", "status": "INVALID_ARGUMENT", "details": details}
        return web.json_response({"error": error}, status=400)


class TestHubSpot(HttpContract):
    """HubSpot's answers say that they are complete."""

    SECRET_ENV: ClassVar[str] = SECRET.env

    def open(self, url: str, timeout_s: float = TIMEOUT_S, *, allow_private: bool = True) -> OpenDestination:
        """Open the contacts."""
        return HubSpotContacts(HubSpot(SECRET, url=url, allow_private=allow_private), timeout_s)

    def fields(self, number: int) -> Mapping[str, object]:
        """A contact with a property."""
        return {"id": f"li{number}@shop.example", "properties": {"firstname": "李雷"}}

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """Say that all is written."""
        assert await request.json()
        return web.json_response({"status": "COMPLETE", "results": []})

    async def refuse_odd(self, request: web.Request) -> web.StreamResponse:
        """Name the traces of those that are not valid; the others are written."""
        inputs = (await request.json())["inputs"]
        traces = [each["objectWriteTraceId"] for each in inputs if is_odd(each["id"])]
        errors = [
            {"category": "VALIDATION_ERROR", "message": "not valid", "context": {"objectWriteTraceId": [each]}}
            for each in traces
        ]
        return web.json_response({"status": "COMPLETE", "numErrors": len(errors), "errors": errors}, status=207)


class TestSalesforce(HttpContract):
    """Salesforce's job ends at once."""

    SECRET_ENV: ClassVar[str] = SECRET.env

    @pytest.fixture(autouse=True)
    def _granting(self, token_url: str) -> None:
        self.token_url = token_url

    def open(self, url: str, timeout_s: float = TIMEOUT_S, *, allow_private: bool = True) -> OpenDestination:
        """Open the records."""
        options = Salesforce(url, "app", SECRET, token_url=self.token_url, allow_private=allow_private)
        return SalesforceRecords(options, timeout_s)

    def fields(self, number: int) -> Mapping[str, object]:
        """A record with a field."""
        return {"id": f"p{number}", "record": {"LastName": "李雷"}}

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """Make a job, take what is uploaded, and end it."""
        assert request.method in ("GET", "PATCH", "POST", "PUT")
        return web.json_response({"id": "7500", "state": "JobComplete", "numberRecordsFailed": 0})

    async def refuse_odd(self, request: web.Request) -> web.StreamResponse:
        """End the job with records that failed, and list them when asked."""
        if request.method == "PUT":
            rows = list(csv.DictReader(io.StringIO(await request.text())))
            self.failed = [row["Onefold_Id__c"] for row in rows if is_odd(row["Onefold_Id__c"])]
        if request.path.endswith("/failedResults"):
            lines = [f'"","INVALID_EMAIL_ADDRESS:invalid","{each}"' for each in self.failed]
            return web.Response(text="\n".join(['"sf__Id","sf__Error","Onefold_Id__c"', *lines]))
        failed = len(getattr(self, "failed", ()))
        return web.json_response({"id": "7500", "state": "JobComplete", "numberRecordsFailed": failed})
