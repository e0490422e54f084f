"""Salesforce: creates and updates records by an external id, a job of Bulk API 2.0 for each batch.

Built to the public guide "Bulk API 2.0" (developer.salesforce.com, api_asynch, API version 66.0, Spring '26); never
tried against the real service. A job that is given up is aborted first, so that it cannot overtake a later one. Those
that a killed process has left are let end before the first job: whose they are cannot be told, so none is aborted.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote

import msgspec

from definitions.receivers.salesforce import Salesforce
from sinks.destinations.audiences.answers import list_at, number_at, outcome_of, text_at
from sinks.destinations.audiences.calls import JSON, ReceiverCalls, bearer, checked
from sinks.destinations.audiences.memberships import Unsendable, membership_of, plain, section_of, texts_of
from sinks.destinations.audiences.sending import Halt, Settled, Unclear, send_batch
from sinks.destinations.audiences.tables import rows_in, table_of
from sinks.destinations.audiences.tokens import (
    GrantedToken,
    client_credentials,
    is_given,
    refreshing,
)
from sinks.destinations.audiences.waves import ReceiverChange, upsert_of
from sinks.destinations.contract import (
    Batching,
    Delivered,
    Delivery,
    Exchange,
    Outcome,
    Refused,
    Retry,
    Unauthorised,
)
from sinks.destinations.http.session import Answer

MAX_RECORDS = 10_000
MAX_BYTES = 8_000_000
FIRST_WAIT_S, LAST_WAIT_S = 0.2, 5.0
ABORT_S = 5.0
LIMITS = frozenset({"REQUEST_LIMIT_EXCEEDED", "ExceededQuota"})
TRANSIENT = ("UNABLE_TO_LOCK_ROW", "TooManyLockFailure", "REQUEST_RUNNING_TOO_LONG", "SERVER_UNAVAILABLE")
"""How an error of a record begins, after which another attempt may succeed."""

CSV = "text/csv"
MAX_PAGES = 1_000
"""Of the list of jobs, a thousand each; a week has fewer."""

log = logging.getLogger(__name__)


class SalesforceRecord(msgspec.Struct, frozen=True):
    """A record to be created or updated."""

    id: str
    columns: dict[str, str]


class JobFailed(Exception):
    """A step of a job did not do what it should; `settled` says what follows."""

    def __init__(self, settled: Halt | Refused) -> None:
        super().__init__()
        self.settled = settled


class SalesforceRecords:
    """Records of a Salesforce organisation."""

    def __init__(self, options: Salesforce, timeout_s: float) -> None:
        """Raises BadOption."""
        self._options = options
        self._calls = ReceiverCalls(timeout_s, options.allow_private, lambda answer: answer.status == 401)
        if is_given(options.refresh_token):
            form = refreshing(options.client_id, options.client_secret, options.refresh_token)
        else:
            form = client_credentials(options.client_id, options.client_secret)
        base = checked(options.url)
        self._tokens = GrantedToken(self._calls.post_form, options.token_url or f"{base}/services/oauth2/token", form)
        self._jobs = f"{base}/services/data/{options.version}/jobs/ingest"
        self.batching = Batching(deliveries=min(options.batch, MAX_RECORDS), bytes=MAX_BYTES)
        self._base = base
        self._former: list[str] = []  # jobs that were under way before the first one of this process
        self._unread = [f"{self._jobs}?jobType=V2Ingest"]  # the next page of the list of jobs, if any is left
        self._pages = 0
        self._looking = asyncio.Lock()

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Write what each record is now."""
        return self._calls.redacted(await send_batch(deliveries, self._change_of, self._send, MAX_RECORDS))

    async def close(self) -> None:
        """Let go of connections."""
        await self._calls.close()

    def _change_of(self, position: int, delivery: Delivery) -> ReceiverChange[SalesforceRecord]:
        record = record_of(delivery.fields, self._options)
        return upsert_of(position, delivery, f"{self._options.external_id}:{record.id}", record)

    async def _send(self, changes: Sequence[ReceiverChange[SalesforceRecord]]) -> Settled:
        records = [change.body for change in changes]
        try:
            if not await self._have_former_ended():
                return Halt(Retry("unavailable", "a job of before has not ended: it would write over later changes"))
            job = await self._create()
            await self._call("PUT", f"{job}/batches", CSV, table_of([record.columns for record in records]))
            state = await self._run(job)
            if state is None:
                return Halt(Retry("timeout", f"the job took longer than {self._options.wait_ms} ms and was aborted"))
            return await self._results(job, state, records)
        except JobFailed as failed:
            return failed.settled

    async def _have_former_ended(self) -> bool:
        """Wait for jobs that were under way before the first one; return whether they have ended. Raises JobFailed."""
        async with self._looking:
            while self._unread:  # whoever is given up in between goes on from there
                await self._read_jobs(self._unread[0])
            try:
                async with asyncio.timeout(self._options.wait_ms / 1_000):
                    while self._former:
                        await self._end_of_former(self._former[-1])
                        self._former.pop()
            except TimeoutError:
                return False
            return True

    async def _end_of_former(self, job: str) -> None:
        """Wait for a job's end. One that is gone, or not to be read, has ended as far as anybody can know."""
        try:
            await self._wait(job)
        except JobFailed as failed:
            if not is_about_job(failed.settled):
                raise
            log.warning("a job that an earlier process may have left cannot be read: it counts as ended")

    async def _read_jobs(self, page: str) -> None:
        """Note jobs that may write records like ours. Who may not list them is not kept from sending."""
        following = ""
        try:
            said = (await self._call("GET", page, JSON, b"")).json()
        except JobFailed as failed:
            if isinstance(failed.settled, Halt):
                raise
            log.warning("jobs that an earlier process may have left are not known: %s", failed.settled.reason)
        else:
            jobs = [text_at(job, "id") for job in list_at(said, "records") if is_like_ours(job, self._options)]
            self._former += [f"{self._jobs}/{quote(job, safe='')}" for job in jobs if job]
            following = text_at(said, "nextRecordsUrl")
        self._pages += 1
        if following and self._pages == MAX_PAGES:
            log.warning("jobs that an earlier process may have left are not all known: there are too many")
        is_more = following.startswith("/") and self._pages < MAX_PAGES
        self._unread = [f"{self._base}{following}"] if is_more else []

    async def _create(self) -> str:
        order = {
            "object": self._options.object,
            "externalIdFieldName": self._options.external_id,
            "contentType": "CSV",
            "operation": "upsert",
            "lineEnding": "LF",
        }
        created = (await self._call("POST", self._jobs, JSON, msgspec.json.encode(order))).json()
        job = text_at(created, "id")
        if not job:
            raise JobFailed(Halt(Retry("unavailable", "the answer names no job")))
        return f"{self._jobs}/{quote(job, safe='')}"

    async def _run(self, job: str) -> Answer | None:
        """Start a job and wait for its end. What ends the waiting aborts the job; None if it took too long."""
        has_ended = False
        try:
            await self._call("PATCH", job, JSON, b'{"state":"UploadComplete"}')
            async with asyncio.timeout(self._options.wait_ms / 1_000):
                answer = await self._wait(job)
                has_ended = True
                return answer
        except TimeoutError:
            return None
        finally:
            if not has_ended:
                await self._abort(job)

    async def _wait(self, job: str) -> Answer:
        wait_s = FIRST_WAIT_S
        while True:
            answer = await self._call("GET", job, JSON, b"")
            if text_at(answer.json(), "state") in ("JobComplete", "Failed", "Aborted"):
                return answer
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 1.5, LAST_WAIT_S)

    async def _abort(self, job: str) -> None:
        aborting = asyncio.create_task(self._call("PATCH", job, JSON, b'{"state":"Aborted"}'))
        try:
            async with asyncio.timeout(ABORT_S):
                await asyncio.shield(aborting)
        except (JobFailed, TimeoutError):
            # It has ended, or nobody knows: it is tried again, and has the same content.
            aborting.cancel()

    async def _results(self, job: str, ended: Answer, records: Sequence[SalesforceRecord]) -> Settled:
        said = ended.json()
        failed = number_at(said, "numberRecordsFailed") or 0
        outcomes: dict[str, Outcome] = {}
        if failed:
            rows = rows_in((await self._call("GET", f"{job}/failedResults", CSV, b"")).body)
            outcomes = {row.get(self._options.external_id, ""): failure_of(row.get("sf__Error", "")) for row in rows}
            if len(records) == len(rows) == 1:
                outcomes = {records[0].id: failure_of(rows[0].get("sf__Error", ""))}
        if text_at(said, "state") != "JobComplete":
            rest = ended_early(text_at(said, "errorMessage") or text_at(said, "state"))
            rows = rows_in((await self._call("GET", f"{job}/unprocessedrecords", CSV, b"")).body)
            outcomes |= dict.fromkeys((row.get(self._options.external_id, "") for row in rows), rest)
        exchange = Exchange(answer=f"job {text_at(said, 'id')}: {text_at(said, 'state')}", status=ended.status)
        if len(outcomes) < failed or not outcomes.keys() <= {record.id for record in records}:
            return Unclear(f"{failed} records failed, the results do not name them", exchange)
        return [outcomes.get(record.id, Delivered(exchange)) for record in records]

    async def _call(self, method: str, url: str, content: str, body: bytes) -> Answer:
        answer = await self._calls.call(
            self._tokens,
            method,
            url,
            lambda token: ({"Content-Type": content, "Accept": content, **bearer(token)}, body),
        )
        if not isinstance(answer, Answer):
            raise JobFailed(answer)
        failure = error_of(answer)
        if failure is not None:
            raise JobFailed(failure)
        return answer


def is_like_ours(job: object, options: Salesforce) -> bool:
    """Return whether a job of the list has begun, has not ended, and writes records as this destination does."""
    is_under_way = text_at(job, "state") in {"UploadComplete", "InProgress"}
    return is_under_way and (text_at(job, "object"), text_at(job, "operation")) == (options.object, "upsert")


def is_about_job(settled: Halt | Refused) -> bool:
    """Return whether reading a job fails for the job's own sake: another attempt would fail as well."""
    if isinstance(settled, Refused):
        return True
    return isinstance(settled.outcome, Unauthorised) and settled.outcome.exchange.status == HTTPStatus.FORBIDDEN


def record_of(fields: Mapping[str, object], options: Salesforce) -> SalesforceRecord:
    """Return the record that a delivery writes. Raises Unsendable."""
    ids = texts_of(fields, "id")
    if not ids:
        raise Unsendable("id is missing: nothing says which record it is")
    values = section_of(fields, "record") | membership_of(fields, options.field)
    if not values:
        raise Unsendable("there is nothing to write: neither a segment that was entered or left nor a field")
    columns = {name: cell_of(name, value) for name, value in values.items()}
    return SalesforceRecord(ids[0], {**columns, options.external_id: ids[0]})


def cell_of(name: str, value: object) -> str:
    """Return a value as a cell: nothing as `#N/A`, which empties the field. Raises Unsendable."""
    if value is None:
        return "#N/A"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return plain(str(value))
    if isinstance(value, list | tuple):
        return ";".join(cell_of(name, member) for member in value)
    raise Unsendable(f"field {name} is an object, which Salesforce does not take")


def error_of(answer: Answer) -> Halt | Refused | None:
    """Return what an answer to a step says, None if the step was taken."""
    errors = list_at({"": answer.json()}, "")
    code = text_at(errors[0], "errorCode") if errors else ""
    message = text_at(errors[0], "message") if errors else ""
    outcome = outcome_of(answer, f"{code}: {message}" if code else "")
    if isinstance(outcome, Delivered):
        return None
    if code in LIMITS:
        return Halt(Retry("throttled", outcome.detail, None, outcome.exchange))
    return Halt(outcome) if isinstance(outcome, Retry | Unauthorised) else outcome


def failure_of(error: str) -> Outcome:
    """Return what the error of one record means."""
    exchange = Exchange(answer=error)
    if error.startswith(TRANSIENT):
        return Retry("unavailable", error, None, exchange, is_receivers=False)
    return Refused("rejected", error, exchange)


def ended_early(reason: str) -> Outcome:
    """Return what becomes of a record that a job did not come to."""
    if reason.startswith(("InvalidBatch", "ClientInputError", "InvalidField")):
        return Refused("rejected", reason, Exchange(answer=reason))
    return Retry("unavailable", reason, None, Exchange(answer=reason))
