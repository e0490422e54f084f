"""HubSpot's batch upsert of contacts and Salesforce's Bulk API 2.0, as their public contracts describe them."""

import csv
import io
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

import msgspec
from aiohttp import web

from tests.sinks.destinations.services.service import Sent, Service, answer

EXTERNAL_ID = "Onefold_Id__c"
JOBS = "/services/data/v66.0/jobs/ingest"


class HubSpotService(Service):
    """`contacts`: their properties by id. `invalid`: ids that it refuses; `is_partial`: them alone, else all."""

    def __init__(self) -> None:
        super().__init__(("POST", "/crm/v3/objects/contacts/batch/upsert", self._upsert))
        self.contacts: dict[str, dict[str, str]] = {}
        self.invalid: dict[str, str] = {}
        self.is_partial = True

    async def _upsert(self, sent: Sent) -> web.Response:
        if not self.is_authorised(sent):
            return hubspot_error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        inputs = msgspec.json.decode(sent.body)["inputs"]
        ids = [each["id"] for each in inputs]
        are_texts = all(isinstance(value, str) for each in inputs for value in each["properties"].values())
        if not 0 < len(inputs) <= 100 or len(set(ids)) < len(ids) or not are_texts:
            return hubspot_error(400, "VALIDATION_ERROR", "Invalid input JSON")
        refused = [each for each in inputs if each["id"] in self.invalid]
        if refused and not self.is_partial:
            return hubspot_error(400, "VALIDATION_ERROR", "Property values were not valid")
        taken = [each for each in inputs if each["id"] not in self.invalid]
        for each in taken:
            self.contacts.setdefault(each["id"], {}).update(each["properties"])
        results = [{"id": "1", "properties": each["properties"], "new": True} for each in taken]
        if not refused:
            return answer(200, {"status": "COMPLETE", "results": results})
        errors = [
            {
                "status": "error",
                "category": self.invalid[each["id"]],
                "message": "not valid",
                "context": {"objectWriteTraceId": [each["objectWriteTraceId"]]},
            }
            for each in refused
        ]
        return answer(207, {"status": "COMPLETE", "results": results, "numErrors": len(errors), "errors": errors})


def hubspot_error(status: int, category: str, message: str, policy: str = "") -> web.Response:
    """Return an error of HubSpot."""
    said = {"status": "error", "category": category, "message": message, "correlationId": "c-1"}
    return answer(status, said | ({"policyName": policy} if policy else {}))


class SalesforceService(Service):
    """`records`: their fields by external id. `failing`: ids with the error of theirs. `polls`: until a job ends.

    `shown_as`: how its results name a record that has failed, None: not at all.
    """

    def __init__(self) -> None:
        jobs = JOBS
        super().__init__(
            ("POST", "/services/oauth2/token", self._grant),
            ("POST", jobs, self._create),
            ("GET", jobs, self._list),
            ("PUT", f"{jobs}/{{job}}/batches", self._upload),
            ("PATCH", f"{jobs}/{{job}}", self._change),
            ("GET", f"{jobs}/{{job}}", self._show),
            ("GET", f"{jobs}/{{job}}/failedResults", self._failed),
            ("GET", f"{jobs}/{{job}}/unprocessedrecords", self._unprocessed),
        )
        self.tokens = set()
        self.records: dict[str, dict[str, str]] = {}
        self.failing: dict[str, str] = {}
        self.error = ""
        self.shown_as: Callable[[str], str | None] = lambda record: record
        self.polls = 0
        self.jobs: list[dict[str, str]] = []
        self.uploaded: list[list[dict[str, str]]] = []

    async def _grant(self, sent: Sent) -> web.Response:
        form = {name: values[0] for name, values in parse_qs(sent.body.decode()).items()}
        if (form.get("client_id"), form.get("client_secret")) != ("app", "of the app"):
            return answer(400, {"error": "invalid_client", "error_description": "invalid client credentials"})
        self.tokens = {f"token-{len(self.sent)}"}
        [token] = self.tokens
        return answer(200, {"access_token": token, "instance_url": self.url, "token_type": "Bearer"})

    def _refusal(self, sent: Sent) -> web.Response | None:
        return None if self.is_authorised(sent) else salesforce_error(401, "INVALID_SESSION_ID", "Session expired")

    async def _create(self, sent: Sent) -> web.Response:
        wanted = {"externalIdFieldName": EXTERNAL_ID, "contentType": "CSV", "operation": "upsert", "lineEnding": "LF"}
        job = msgspec.json.decode(sent.body)
        if refusal := self._refusal(sent):
            return refusal
        if not wanted.items() <= job.items() or "object" not in job:
            return salesforce_error(400, "INVALIDJOB", "Unable to parse Job")
        shown = {"object": job["object"], "operation": "upsert"}
        self.jobs.append({"id": f"750{len(self.jobs)}", "state": "Open"} | shown)
        self.uploaded.append([])
        return answer(200, self.jobs[-1])

    async def _list(self, sent: Sent) -> web.Response:
        if refusal := self._refusal(sent):
            return refusal
        at = int(sent.path.partition("queryLocator=")[2] or "0")
        shown = {"done": at + 1 >= len(self.jobs), "records": self.jobs[at : at + 1]}
        more = {} if shown["done"] else {"nextRecordsUrl": f"{JOBS}?queryLocator={at + 1}"}
        return answer(200, shown | more)

    def _job(self, sent: Sent) -> int:
        return int(sent.path.split("/")[6].removeprefix("750"))

    async def _upload(self, sent: Sent) -> web.Response:
        if refusal := self._refusal(sent):
            return refusal
        assert sent.headers["Content-Type"] == "text/csv"
        self.uploaded[self._job(sent)] = list(csv.DictReader(io.StringIO(sent.body.decode(), newline="")))
        return web.Response(status=201)

    async def _change(self, sent: Sent) -> web.Response:
        job = self.jobs[self._job(sent)]
        job["state"] = msgspec.json.decode(sent.body)["state"]
        return answer(200, job)

    async def _show(self, sent: Sent) -> web.Response:
        if refusal := self._refusal(sent):
            return refusal
        at = self._job(sent)
        if self.polls > 0 or self.jobs[at]["state"] == "Aborted":
            self.polls -= 1
            return answer(200, self.jobs[at] | {"numberRecordsFailed": 0})
        if self.error:
            return answer(200, self.jobs[at] | {"state": "Failed", "errorMessage": self.error})
        for row in self.uploaded[at]:
            if row[EXTERNAL_ID] not in self.failing:
                values = {name: value for name, value in row.items() if value}
                self.records.setdefault(row[EXTERNAL_ID], {}).update(values)
        failed = sum(row[EXTERNAL_ID] in self.failing for row in self.uploaded[at])
        return answer(200, self.jobs[at] | {"state": "JobComplete", "numberRecordsFailed": failed})

    async def _failed(self, sent: Sent) -> web.Response:
        said = []
        for row in reversed(self.uploaded[self._job(sent)]):
            record = row[EXTERNAL_ID]
            shown = self.shown_as(record) if record in self.failing else None
            if shown is not None:
                said.append({"sf__Id": "", "sf__Error": self.failing[record], **row, EXTERNAL_ID: shown})
        return table(said)

    async def _unprocessed(self, sent: Sent) -> web.Response:
        return table(self.uploaded[self._job(sent)])


def table(rows: list[dict[str, str]]) -> web.Response:
    """Return rows as CSV, each cell in quotes."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0] if rows else [], quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return web.Response(text=text.getvalue(), content_type="text/csv")


def salesforce_error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an error of Salesforce."""
    return answer(status, [{"errorCode": code, "message": message}], headers)
