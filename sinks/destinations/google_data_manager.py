"""Google's Data Manager: adds and removes the hashes of people, 10,000 members a request.

Built to the public contract of the Data Manager API v1 (googleapis/googleapis, google/ads/datamanager/v1 at 102d9f92;
developers.google.com/data-manager, "Method: audienceMembers.ingest", "Understand API errors"); never tried against the
real service. It takes all of a request or nothing: what it names as invalid is refused, the rest is sent again at once.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from definitions.receivers.google_data_manager import GoogleDataManager
from sinks.destinations.audiences.answers import Json, list_at, outcome_of, text_at, wait_of
from sinks.destinations.audiences.calls import JSON, ReceiverCalls, bearer, checked
from sinks.destinations.audiences.memberships import Unsendable, audience_of, hashes_of
from sinks.destinations.audiences.sending import Again, Halt, Settled, Unclear, send_batch
from sinks.destinations.audiences.tokens import GrantedToken, Tokens, refreshing, service_account
from sinks.destinations.audiences.waves import ReceiverChange
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

MAX_MEMBERS = 10_000
MAX_IDENTIFIERS = 10
MAX_BYTES = 4_000_000
SCOPE = "https://www.googleapis.com/auth/datamanager"
IDENTIFIERS = ("emailAddress", "phoneNumber")
CONSENT = {"granted": "CONSENT_GRANTED", "denied": "CONSENT_DENIED"}

_MEMBER = re.compile(r"audience_?members\[(\d{1,5})\]", re.IGNORECASE)
_DELAY = re.compile(r"\A(\d{1,6})(?:\.\d+)?s\Z")


class GoogleAudiences:
    """People of segments in audiences of Google Ads or Display & Video 360."""

    def __init__(self, options: GoogleDataManager, timeout_s: float) -> None:
        """Raises BadOption."""
        self._options = options
        self._url = checked(options.url)
        self._calls = ReceiverCalls(timeout_s, options.allow_private, lambda answer: answer.status == 401)
        self._tokens = self._granted()
        self.batching = Batching(deliveries=min(options.batch, MAX_MEMBERS), bytes=MAX_BYTES)

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Add who entered and remove who left."""
        return self._calls.redacted(await send_batch(deliveries, self._change_of, self._send, MAX_MEMBERS))

    async def close(self) -> None:
        """Let go of connections."""
        await self._calls.close()

    def _granted(self) -> Tokens:
        options = self._options
        if options.client is None:
            form = service_account(options.service_account, options.token_url, SCOPE)
        else:
            form = refreshing(options.client.id, options.client.secret, options.client.refresh_token)
        return GrantedToken(self._calls.post_form, options.token_url, form)

    def _change_of(self, position: int, delivery: Delivery) -> ReceiverChange[tuple[dict[str, str], ...]]:
        activation = delivery.activation
        audience = audience_of(activation, self._options.audience, self._options.audiences)
        identifiers = identifiers_of(delivery.fields)
        person = activation.profile_id or delivery.key
        return ReceiverChange(
            at=position,
            target=(person, audience),
            keys=frozenset({person, *(value for identifier in identifiers for value in identifier.values())}),
            request=("ingest" if activation.change == "entered" else "remove", audience),
            body=identifiers,
        )

    async def _send(self, changes: Sequence[ReceiverChange[tuple[dict[str, str], ...]]]) -> Settled:
        verb, audience = changes[0].request
        body = body_of(self._options, verb, audience, [change.body for change in changes])
        url = f"{self._url}/audienceMembers:{verb}"
        answer = await self._calls.call(
            self._tokens, "POST", url, lambda token: ({"Content-Type": JSON, **bearer(token)}, body)
        )
        return answer if not isinstance(answer, Answer) else settled_of(len(changes), answer)


def identifiers_of(fields: Mapping[str, object]) -> tuple[dict[str, str], ...]:
    """Return the identifiers of a person, at most ten. Raises Unsendable."""
    unknown = sorted(set(fields) - set(IDENTIFIERS))
    if unknown:
        raise Unsendable(f"Google's members have no {unknown[0]} here; they have {' and '.join(IDENTIFIERS)}")
    identifiers = [{name: value} for name in IDENTIFIERS for value in hashes_of(fields, name)]
    if not identifiers:
        raise Unsendable("nothing names the person: neither an e-mail address nor a phone number")
    return tuple(identifiers[:MAX_IDENTIFIERS])


def body_of(
    options: GoogleDataManager, verb: str, audience: str, members: Sequence[Sequence[Mapping[str, str]]]
) -> bytes:
    """Return the body of a request; consent and terms are said of those who are added alone."""
    destination: dict[str, object] = {
        "operatingAccount": {"accountType": options.account_type.upper(), "accountId": options.account},
        "productDestinationId": audience,
    }
    if options.login_account:
        destination["loginAccount"] = {
            "accountType": options.login_account_type.upper(),
            "accountId": options.login_account,
        }
    body: dict[str, object] = {
        "destinations": [destination],
        "audienceMembers": [{"userData": {"userIdentifiers": member}} for member in members],
        "encoding": "HEX",
        "validateOnly": options.validate_only,
    }
    if verb == "ingest":
        consent = {"adUserData": options.consent.user_data, "adPersonalization": options.consent.personalization}
        body["consent"] = {name: CONSENT[status] for name, status in consent.items() if status in CONSENT}
        if options.terms_accepted:
            body["termsOfService"] = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
    return msgspec.json.encode(body)


def settled_of(number: int, answer: Answer) -> Settled:
    """Return what an answer says of each of a number of members."""
    said = answer.json()
    message = f"{text_at(said, 'error', 'status')}: {text_at(said, 'error', 'message')}"
    outcome = outcome_of(answer, message if text_at(said, "error", "status") else "")
    if isinstance(outcome, Retry):
        wait = wait_of(answer) or _delay_of(said)
        return Halt(Retry(outcome.reason, outcome.detail, wait, outcome.exchange))
    if isinstance(outcome, Unauthorised):
        return Halt(outcome)
    if isinstance(outcome, Refused):
        return _refused(number, said, outcome)
    request_id = text_at(said, "requestId")
    if not isinstance(said, dict):
        return Halt(Retry("unavailable", "the answer is not one of the Data Manager API", None, outcome.exchange))
    return [Delivered(Exchange(answer=f"request {request_id}", status=answer.status))] * number


def _refused(number: int, said: Json, outcome: Refused) -> Settled:
    """Tell the members that an error names from an error about all of them."""
    violations = [violation for each in _details(said, "BadRequest") for violation in list_at(each, "fieldViolations")]
    refused: dict[int, Refused] = {}
    for violation in violations:
        named = _MEMBER.search(text_at(violation, "field"))
        if named is not None and int(named[1]) < number:
            detail = text_at(violation, "description") or text_at(violation, "reason")
            refused[int(named[1])] = Refused("rejected", detail, Exchange(answer=detail, status=400))
    if refused:
        return Again(refused)
    is_about_some = text_at(said, "error", "status") == "INVALID_ARGUMENT" and not violations
    return Unclear(outcome.detail, outcome.exchange) if is_about_some else outcome


def _details(said: Json, kind: str) -> list[Json]:
    return [detail for detail in list_at(said, "error", "details") if text_at(detail, "@type").endswith(f".{kind}")]


def _delay_of(said: Json) -> int | None:
    for detail in _details(said, "RetryInfo"):
        delay = _DELAY.match(text_at(detail, "retryDelay"))
        if delay is not None:
            return int(delay[1]) * 1_000
    return None
