"""Google's Data Manager: what is sent, byte by byte, and what becomes of each person."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from definitions.receivers.google_data_manager import AdConsent, GoogleDataManager, OAuthClient, problems
from definitions.receivers.values import Secret
from sinks.destinations.contract import Delivered, Delivery, Refused, Retry, Unauthorised
from sinks.destinations.google_data_manager import GoogleAudiences
from tests.sinks.destinations.deliveries import Change, delivery
from tests.sinks.destinations.services.google import Google, error, throttled
from tests.sinks.destinations.services.service import answer, hashed

pytestmark = pytest.mark.anyio


def person(name: str, change: Change = "entered", *, segment: str = "loyal", version: int = 1) -> Delivery:
    return delivery(name, {"emailAddress": hashed(f"{name}@shop.example")}, change, segment=segment, version=version)


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "of the app")
    monkeypatch.setenv("REFRESH_TOKEN", "of the client")


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65_537, 2_048)


@asynccontextmanager
async def opened(service: Google, **options: object) -> AsyncIterator[GoogleAudiences]:
    client = OAuthClient("app", Secret(env="CLIENT_SECRET"), Secret(env="REFRESH_TOKEN"))
    addresses = {"url": f"{service.url}/v1", "token_url": f"{service.url}/token", "allow_private": True}
    written: dict[str, object] = {"account": "77", "audience": "9", "client": client, **addresses, **options}
    destination = GoogleAudiences(GoogleDataManager(**written), 5)  # type: ignore[arg-type]
    try:
        yield destination
    finally:
        await destination.close()


async def test_who_entered_is_ingested_with_consent_and_terms() -> None:
    consent = AdConsent(user_data="granted", personalization="denied")
    async with (
        Google() as google,
        opened(google, login_account="66", consent=consent, terms_accepted=True) as audiences,
    ):
        [outcome] = await audiences.send([person("ann")])
    assert isinstance(outcome, Delivered)
    _, sent = google.sent
    ann = hashed("ann@shop.example")
    assert sent.path == "/v1/audienceMembers:ingest"
    assert sent.body.decode() == (
        '{"destinations":[{"operatingAccount":{"accountType":"GOOGLE_ADS","accountId":"77"},'
        '"productDestinationId":"9","loginAccount":{"accountType":"GOOGLE_ADS","accountId":"66"}}],'
        f'"audienceMembers":[{{"userData":{{"userIdentifiers":[{{"emailAddress":"{ann}"}}]}}}}],'
        '"encoding":"HEX","validateOnly":false,'
        '"consent":{"adUserData":"CONSENT_GRANTED","adPersonalization":"CONSENT_DENIED"},'
        '"termsOfService":{"customerMatchTermsOfServiceStatus":"ACCEPTED"}}'
    )
    assert google.audiences == {"9": {ann}}


async def test_who_left_is_removed_without_consent_and_terms() -> None:
    async with Google() as google, opened(google, consent=AdConsent("granted"), terms_accepted=True) as audiences:
        google.audiences = {"9": {hashed("ann@shop.example")}}
        outcomes = await audiences.send([person("ann"), person("ann", "exited", version=2)])
    assert [type(outcome) for outcome in outcomes] == [Delivered, Delivered]
    [_, sent] = google.sent
    assert sent.path == "/v1/audienceMembers:remove"
    assert {"consent", "termsOfService"}.isdisjoint(msgspec.json.decode(sent.body))
    assert google.audiences == {"9": set()}


async def test_checking_alone_changes_nothing() -> None:
    async with Google() as google, opened(google, validate_only=True) as audiences:
        [outcome] = await audiences.send([person("ann")])
    assert isinstance(outcome, Delivered)
    assert google.audiences == {"9": set()}


async def test_at_most_ten_identifiers_of_a_person_are_sent() -> None:
    fields = {"emailAddress": [hashed(str(at)) for at in range(9)], "phoneNumber": [hashed("a"), hashed("b")]}
    async with Google() as google, opened(google) as audiences:
        await audiences.send([delivery("ann", fields)])
    [member] = msgspec.json.decode(google.sent[-1].body)["audienceMembers"]
    assert len(member["userData"]["userIdentifiers"]) == 10


@pytest.mark.parametrize("names_rejected", [True, False])
async def test_a_request_that_fails_for_some_is_sent_again_without_them(names_rejected: bool) -> None:
    async with Google() as google, opened(google) as audiences:
        google.rejected = {hashed("p2@shop.example"), hashed("p5@shop.example")}
        google.names_rejected = names_rejected
        outcomes = await audiences.send([person(f"p{at}") for at in range(8)])
    assert [at for at, outcome in enumerate(outcomes) if isinstance(outcome, Refused)] == [2, 5]
    assert sum(isinstance(outcome, Delivered) for outcome in outcomes) == 6
    assert google.audiences["9"] == {hashed(f"p{at}@shop.example") for at in (0, 1, 3, 4, 6, 7)}


async def test_an_error_about_the_audience_refuses_all_by_one_request() -> None:
    async with Google() as google, opened(google) as audiences:
        await audiences.send([person("first")])
        violation = {"field": "destinations[0].product_destination_id", "reason": "INVALID_USER_LIST_ID"}
        google.planned = [error(400, "INVALID_ARGUMENT", "There was a problem", violation)]
        outcomes = await audiences.send([person("ann"), person("bob")])
    assert [type(outcome) for outcome in outcomes] == [Refused, Refused]
    assert len(google.sent) == 3


@pytest.mark.parametrize(
    "fields",
    [{}, {"emailAddress": "ann@shop.example"}, {"email": hashed("a")}, {"emailAddress": 5}, {"phoneNumber": [[]]}],
)
async def test_what_is_not_as_google_wants_it_is_not_sent(fields: Mapping[str, object]) -> None:
    async with Google() as google, opened(google) as audiences:
        [outcome] = await audiences.send([delivery("ann", fields)])
    assert isinstance(outcome, Refused)
    assert outcome.reason == "unmappable"
    assert google.sent == []


async def test_a_token_is_granted_once_and_renewed_once_when_it_is_not_accepted() -> None:
    async with Google() as google, opened(google) as audiences:
        await audiences.send([person("ann")])
        await audiences.send([person("bob")])
        assert google.granted == 1
        google.tokens = {"token-2"}
        [renewed] = await audiences.send([person("cay")])
        google.tokens = set()
        [paused] = await audiences.send([person("dan")])
    assert isinstance(renewed, Delivered)
    assert isinstance(paused, Unauthorised)
    assert google.granted == 3
    assert "token-" not in str(paused)


async def test_a_token_that_is_about_to_expire_is_renewed_before() -> None:
    async with Google() as google, opened(google) as audiences:
        google.lifetime_s = 0
        google.tokens = {"token-1", "token-2"}
        await audiences.send([person("ann")])
        await audiences.send([person("bob")])
    assert google.granted == 2


async def test_a_refresh_token_that_was_revoked_pauses() -> None:
    async with Google() as google, opened(google) as audiences:
        google.planned = [answer(400, {"error": "invalid_grant", "error_description": "of the client was revoked"})]
        [outcome] = await audiences.send([person("ann")])
    assert isinstance(outcome, Unauthorised)
    assert outcome.detail == "no access token was granted: invalid_grant"


async def test_a_token_server_that_is_away_is_tried_again() -> None:
    async with Google() as google, opened(google) as audiences:
        google.planned = [answer(503, {}, {"Retry-After": "7"})]
        [outcome] = await audiences.send([person("ann")])
    assert isinstance(outcome, Retry)
    assert outcome.after_ms == 7_000


async def test_a_service_account_signs_for_its_token(key: RSAPrivateKey, tmp_path: Path) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    written = {"client_email": "cdp@shop.example", "private_key": pem, "private_key_id": "key-1", "type": "x"}
    path = tmp_path / "account.json"
    path.write_bytes(msgspec.json.encode(written))
    async with Google(key) as google, opened(google, service_account=Secret(file=str(path)), client=None) as audiences:
        [outcome] = await audiences.send([person("ann")])
        assert isinstance(outcome, Delivered)
        for broken in ("no", "[]", "{}", '{"client_email": "a", "private_key": "-----BEGIN"}'):
            path.write_text(broken)
            google.tokens = set()
            [outcome] = await audiences.send([person("bob")])
            assert isinstance(outcome, Unauthorised)
            assert outcome.detail == f"the file {path} is not the JSON key of a service account"


async def test_limits_and_failures_of_the_service_wait() -> None:
    async with Google() as google, opened(google) as audiences:
        await audiences.send([person("first")])
        google.planned = [throttled("42s"), answer(503, {}), error(403, "PERMISSION_DENIED", "No"), answer(200, "no")]
        outcomes = [(await audiences.send([person("ann"), person("bob", "exited")]))[1] for _ in range(4)]
    assert [type(outcome) for outcome in outcomes] == [Retry, Retry, Unauthorised, Retry]
    assert isinstance(outcomes[0], Retry)
    assert (outcomes[0].reason, outcomes[0].after_ms) == ("throttled", 42_000)
    assert len(google.sent) == 6


def test_a_definition_says_what_it_lacks() -> None:
    assert [problem.key for problem in problems(GoogleDataManager("77"))] == ["audience", "service_account"]
    client = OAuthClient("a", Secret(env="B"), Secret(env="C"))
    both = GoogleDataManager("77", audience="9", service_account=Secret(env="A"), client=client)
    assert [problem.key for problem in problems(both)] == ["service_account"]
    assert list(problems(GoogleDataManager("77", audiences={"a": "9"}, service_account=Secret(env="A")))) == []
