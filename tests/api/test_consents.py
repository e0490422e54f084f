"""Consent over HTTP and from the command line: who may say it, what becomes an event, what a link does and when."""

import json
import re
import uuid
from collections.abc import Iterator

import msgspec
import pytest
from click.testing import CliRunner

from definitions.consent import ConsentRules, Purpose
from definitions.model import Definitions
from definitions.streaming.consent import CompiledConsent, SaidInEvent
from embedded.stack import Stack
from onefold.cli import onefold
from runtime.kafka.reading import read_to_end
from schemas import topics
from schemas.codec import Codec
from schemas.identity import NOBODY
from schemas.records import ConsentChange, ConsentEntry, Event, Identifier
from schemas.registry import Registry
from schemas.unsubscribing import ONE_CLICK, PATH, UnsubscribeLink, unsubscribe_url
from settings import Workspace
from settings.workspaces import WorkspacesFile
from tests.api.test_operators import ADMIN, ADMIN_KEY, READ_KEY
from tests.collectors.processes import api_process, wait_until_ok
from tests.sinks.examples import ADA, ADAS, NOW, PHONE, PHONES, insert, placed, profile
from tests.support import plain
from tests.support.sets import applied_set
from tests.support.stacks import migrated_address
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack

SECRET = uuid.UUID(int=7)
RULES = ConsentRules((Purpose("marketing", "News <b>of us</b>", text="2026-11"), Purpose("service", default="opt_out")))
BODY = {"workspace": "consents", "profile": "user_id:ada", "purpose": "marketing", "status": "denied"}
LINK = UnsubscribeLink("consents", ADAS, "marketing", "email")


class Api:
    """A running API, and what it has written to `events`."""

    def __init__(self, stack: Stack, url: str, environment: dict[str, str]) -> None:
        self.url = url
        self.environment = environment
        self._stack = stack
        self._codec = Codec(Registry(stack.settings.registry))

    def events(self) -> list[Event]:
        messages = read_to_end(self._stack.settings.kafka, [topics.EVENTS])
        events = [self._codec.decode(Event, message.value()) for message in messages]
        return [event for event in events if event.workspace == "consents"]

    def run(self, *arguments: str) -> dict[str, object]:
        result = CliRunner().invoke(onefold, [*arguments, "--workspace", "consents", "--json"], env=self.environment)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def api(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("consents")
    workspace = Workspace("consents", SECRET, read_keys=(READ_KEY,), admin_keys=(ADMIN_KEY,))
    (folder / "onefold.yaml").write_bytes(msgspec.json.encode(WorkspacesFile((workspace,))))
    applied_set(stack, Definitions(consent=RULES))
    with Warehouse(migrated_address(stack)) as warehouse:
        ada = profile(ADAS, 3, "consents", identifiers=(ADA, PHONE), decision=1)
        gone = profile(PHONES, 2, "consents", merged_into=ADAS, decision=1)
        insert(warehouse, [placed(topics.PROFILES, ada, 1), placed(topics.PROFILES, gone, 2)])
        said = ConsentEntry("marketing", "email", "granted", NOW, "m1", "web", "2026-10")
        later = msgspec.structs.replace(said, status="denied", event="m2", reason="unsubscribed")
        for version, entry in ((4, said), (5, later)):
            record = ConsentChange("consents", ADAS, "person", ADAS, 1, version, NOW, "{}", (entry,))
            insert(warehouse, [placed(topics.CONSENTS, record, version)])
    own = {"ONEFOLD_API_PORT": "0", "ONEFOLD_CONFIG": str(folder / "onefold.yaml"), "ONEFOLD_OPEN_READS": "0"}
    environment = dict(stack.environment) | own
    with api_process(environment, folder / "log") as process:
        wait_until_ok(process, "schemas")
        yield Api(stack, process.url, environment)


def said_in(event: Event) -> tuple[SaidInEvent, ...]:
    return CompiledConsent(RULES).said_in(event)


def test_what_an_operator_says_is_an_event_for_every_identifier_of_the_person(api: Api) -> None:
    answer = plain.post(f"{api.url}/v1/consent", json=BODY | {"channel": "sms", "reason": "called"}, headers=ADMIN)
    assert answer.status_code == 202, answer.text
    event = next(each for each in api.events() if each.message_id == answer.json()["message_id"])
    assert (event.source, event.identifiers) == ("consent_request", (ADA,))
    assert said_in(event) == (SaidInEvent("marketing", "sms", "denied", "2026-11", "called"),)
    assert CompiledConsent(RULES).speaks_for(event) == (str(ADA), str(PHONE))


def test_whoever_is_not_known_yet_is_named_by_an_identifier(api: Api) -> None:
    answer = plain.post(f"{api.url}/v1/consent", json=BODY | {"profile": "email:NEW@example.com "}, headers=ADMIN)
    event = next(each for each in api.events() if each.message_id == answer.json()["message_id"])
    assert event.identifiers == (Identifier("email", "new@example.com"),)


@pytest.mark.parametrize(
    ("changed", "status", "field"),
    [
        ({"purpose": "marketin"}, 400, "purpose"),
        ({"channel": "fax"}, 400, "channel"),
        ({"status": "grantd"}, 400, "status"),
        ({"text": "x" * 101}, 400, "text"),
        ({"profile": "ada"}, 400, "profile"),
        ({"profile": "00000000-0000-5000-8000-0000000000ff"}, 404, "profile"),
        ({"colour": "red"}, 400, None),
        ({"workspace": "nowhere"}, 401, "Authorization"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_field(
    api: Api, changed: dict[str, str], status: int, field: str | None
) -> None:
    before = len(api.events())
    answer = plain.post(f"{api.url}/v1/consent", json=BODY | changed, headers=ADMIN)
    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field), answer.text
    assert len(api.events()) == before


def test_without_an_admin_key_nobody_says_anything(api: Api) -> None:
    reader = {"Authorization": f"Bearer {READ_KEY}"}
    for headers in ({}, reader):
        assert plain.post(f"{api.url}/v1/consent", json=BODY, headers=headers).status_code == 401
    assert plain.get(f"{api.url}/v1/consent/user_id:ada?workspace=consents").status_code == 401


@pytest.mark.parametrize("person", ["user_id:ada", ADAS, PHONES])
def test_what_counts_and_what_was_said_before_is_looked_up(api: Api, person: str) -> None:
    reader = {"Authorization": f"Bearer {READ_KEY}"}
    found = plain.get(f"{api.url}/v1/consent/{person}?workspace=consents", headers=reader).json()
    assert found["profile_id"] == ADAS
    assert [(each["status"], each["reason"]) for each in found["consent"]] == [("denied", "unsubscribed")]
    assert [(each["status"], each["event"]) for each in found["history"]] == [("denied", "m2"), ("granted", "m1")]
    assert api.run("consent", "show", person) == found


def test_the_command_line_says_it_as_well_and_shows_a_table(api: Api) -> None:
    said = api.run("consent", "set", "user_id:ada", "marketing", "granted", "--text", "2026-12")
    event = next(each for each in api.events() if each.message_id == said["message_id"])
    assert said_in(event) == (SaidInEvent("marketing", "all", "granted", "2026-12"),)
    arguments = ["consent", "show", "user_id:ada", "--workspace", "consents", "--history"]
    shown = CliRunner().invoke(onefold, arguments, env=api.environment | {"COLUMNS": "200"})
    assert re.search(r"marketing +email +denied .* unsubscribed", shown.output), shown.output
    refused = CliRunner().invoke(
        onefold, ["consent", "set", "user_id:ada", "news", "granted", "--workspace", "consents"], env=api.environment
    )
    assert refused.exit_code == 2
    assert "there is no purpose 'news'" in refused.output


def test_looking_at_a_link_does_nothing_and_its_button_unsubscribes_without_a_key(api: Api) -> None:
    url = unsubscribe_url(api.url, SECRET, LINK)
    before = {event.message_id for event in api.events()}
    page = plain.get(url, headers={"Sec-Fetch-Site": "cross-site"})
    assert page.status_code == 200
    assert '<form method="post">' in page.text
    assert "News &lt;b&gt;of us&lt;/b&gt; (email)" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert plain.head(url).status_code in {200, 405}
    assert {event.message_id for event in api.events()} == before
    done = plain.post(url, headers={"Origin": "null"})
    assert (done.status_code, "You are unsubscribed" in done.text) == (200, True)
    (event,) = [event for event in api.events() if event.message_id not in before]
    assert said_in(event) == (SaidInEvent("marketing", "email", "denied", "2026-11", "unsubscribed"),)
    assert (event.source, event.identifiers) == ("unsubscribe_link", (ADA,))


def test_a_mail_program_unsubscribes_with_one_click_also_by_a_link_to_what_is_not_defined_any_more(api: Api) -> None:
    link = UnsubscribeLink("consents", PHONES, "gone", "email")
    before = {event.message_id for event in api.events()}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = plain.post(unsubscribe_url(api.url, SECRET, link), content=ONE_CLICK, headers=form)
    assert answer.status_code == 200, answer.text
    (event,) = [event for event in api.events() if event.message_id not in before]
    assert said_in(event) == (SaidInEvent("all", "email", "denied", "", "unsubscribed"),)


def test_a_link_of_anybody_else_does_nothing(api: Api) -> None:
    before = len(api.events())
    forged = [unsubscribe_url(api.url, uuid.UUID(int=8), LINK), f"{api.url}{PATH}nothing"]
    for url in forged:
        answer = plain.post(url)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert len(api.events()) == before


def test_who_is_not_in_the_warehouse_yet_is_asked_to_come_again(api: Api) -> None:
    link = UnsubscribeLink("consents", "00000000-0000-5000-8000-0000000000ff", "marketing", "email")
    answer = plain.post(unsubscribe_url(api.url, SECRET, link))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


def test_the_link_of_a_trial_says_what_it_would_have_done_and_does_nothing(api: Api) -> None:
    before = len(api.events())
    url = unsubscribe_url(api.url, SECRET, UnsubscribeLink("consents", NOBODY, "marketing", "email"))
    assert '<form method="post">' in plain.get(url).text
    answer = plain.post(url)
    assert answer.status_code == 200
    assert "This was a trial" in answer.text
    assert "News &lt;b&gt;of us&lt;/b&gt; (email)" in answer.text
    assert len(api.events()) == before
