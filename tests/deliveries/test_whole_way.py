"""From an event over HTTP to a receiver's answer, all processes at work: listed, explained, replayed, accounted for."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from click.testing import CliRunner

from definitions.destinations import Checks, Destination
from definitions.mapping import Fields, Selected, Text
from definitions.model import Call, Definitions, EventCount, EventMatcher, Segment, Window
from definitions.receivers.mail import Mail
from definitions.sets.topic import read_publication
from embedded.layout import free_ports
from embedded.stack import Stack
from onefold.cli import onefold
from onefold.commands.destination_sync import sync
from tests.sinks.delivery.hook import Hook, running_hook
from tests.support.sets import applied_set
from tests.support.stacks import running_stack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

PROCESSES = ("kafka", "registry", "clickhouse", "collector", "worker", "sink", "rebuilder", "deliverer")


def counted(event: str) -> EventCount:
    return EventCount(EventMatcher((Call("track", event),)), Window(30 * 86_400_000))


BUYING = counted("Order Completed")


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    with running_hook() as running:
        yield running


@pytest.fixture(scope="module")
def shop(hook: Hook) -> Iterator[Stack]:
    """All processes, and a segment whose changes the hook hears of."""
    with running_stack(*PROCESSES) as stack:
        buyers = Segment("buyers", BUYING, destinations=("crm",))
        adopted(stack, Definitions((buyers,), (hook.destination(name="crm"),)))
        yield stack


def adopted(stack: Stack, definitions: Definitions) -> None:
    """Have the worker go by definitions."""
    of, settings = applied_set(stack, definitions), stack.settings

    def is_adopted() -> bool:
        return read_publication(settings.kafka).walked_to("main", settings.partitions) >= of.version

    wait_until(is_adopted, "the worker to go by the definitions", within_s=60)


def order(stack: Stack, who: str) -> None:
    call(stack, "track", event="Order Completed", userId=who, messageId=f"order-{who}")


def call(stack: Stack, of_type: str, **body: object) -> None:
    answer = httpx.post(f"{stack.addresses.http}/v1/{of_type}", json={"type": of_type, **body}, auth=("dev", ""))
    assert answer.is_success, answer.text


def run(stack: Stack, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(onefold, [*arguments], env=dict(stack.environment) | {"COLUMNS": "250"})
    assert result.exit_code == code, result.output
    return result.output


def metrics(stack: Stack) -> str:
    return httpx.get(stack.addresses.deliverer_metrics).text


def outcomes(stack: Stack, **chosen: str) -> list[dict[str, Any]]:
    options = [part for name, value in chosen.items() for part in (f"--{name}", value)]
    return json.loads(run(stack, "deliveries", "list", "--json", *options))["deliveries"]  # type: ignore[no-any-return]


def test_what_a_receiver_refuses_is_explained_and_replayed_and_nothing_is_missing(shop: Stack, hook: Hook) -> None:
    hook.answer = lambda _taken, _number: 400
    order(shop, "ada")
    wait_until(lambda: bool(outcomes(shop, outcome="refused")), "the refusal in ClickHouse")
    (refused,) = outcomes(shop, outcome="refused")
    explained = run(shop, "explain", "delivery", refused["delivery_id"])
    assert "because of Order Completed" in explained
    assert "attempt 1: refused (rejected), status 400" in explained
    checked = json.loads(run(shop, "fates", "check", "--json"))
    assert (checked["missing"], checked["events"]["folded"]) == (0, 1)
    assert [each["refused"] for each in checked["destinations"]] == [1]

    hook.answer = lambda _taken, _number: 204
    replayed = run(shop, "deliveries", "replay", "crm")
    assert replayed == "replayed 1 delivery\nwhat became of it: 'onefold deliveries list --destination crm'\n"
    wait_until(lambda: bool(hook.taken), "the replay at the receiver")
    wait_until(lambda: bool(outcomes(shop, outcome="delivered")), "the delivery in ClickHouse")
    (delivered,) = outcomes(shop, outcome="delivered")
    assert delivered["delivery_id"] == refused["delivery_id"]
    assert run(shop, "deliveries", "replay", "crm") == "replayed 0 deliveries\n"


def test_a_paused_destination_waits_and_gets_all_once_it_goes_on(shop: Stack, hook: Hook) -> None:
    hook.answer = lambda _taken, _number: 204
    run(shop, "deliveries", "pause", "crm", "--reason", "it moves")
    wait_until(lambda: 'onefold_deliveries_paused{destination="crm"} 1.0' in metrics(shop), "the deliverer to pause")
    taken = len(hook.taken)
    order(shop, "ben")

    def waits() -> bool:
        checked = json.loads(run(shop, "fates", "check", "--json"))
        return [each["waiting"] for each in checked["destinations"]] == [1]

    wait_until(waits, "the delivery to wait", within_s=60)
    assert len(hook.taken) == taken
    of_ben = run(shop, "deliveries", "list", "--profile", "user_id:ben")
    assert "waits: an operator has paused the destination\n" in of_ben
    (waiting,) = json.loads(run(shop, "deliveries", "list", "--profile", "user_id:ben", "--json"))["not_attempted"]
    assert (waiting["destination"], waiting["name"], waiting["reason"]) == ("crm", "buyers", "paused")
    checked = run(shop, "fates", "check")
    assert "crm is paused by an operator since 20" in checked
    assert " (it moves): 'onefold deliveries resume crm'" in checked
    assert json.loads(run(shop, "fates", "check", "--json"))["paused"]["crm"]["reason"] == "it moves"
    run(shop, "deliveries", "resume", "crm")
    wait_until(lambda: len(hook.taken) == taken + 1, "the delivery")


def test_a_sync_sends_nobody_who_was_delivered(shop: Stack) -> None:
    wait_until(lambda: len(outcomes(shop, outcome="delivered")) == 2, "both deliveries in ClickHouse")
    result = CliRunner().invoke(sync, ["crm", "--json"], env=dict(shop.environment))
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["sent"] == 0
    assert answer["segments"] == [{"segment": "buyers", "entries": 0, "exits": 0, "waiting": 0, "suppressed": 0}]


def test_a_newly_connected_destination_is_sent_all_members(shop: Stack, hook: Hook) -> None:
    new = hook.destination(name="mail")
    buyers = Segment("buyers", BUYING, destinations=("crm", "mail"))
    applied_set(shop, Definitions((buyers,), (hook.destination(name="crm"), new)))
    taken = len(hook.taken)
    result = CliRunner().invoke(sync, ["mail", "--json"], env=dict(shop.environment))
    assert json.loads(result.stdout)["sent"] == 2
    wait_until(lambda: len(hook.taken) == taken + 2, "all members at the receiver")
    assert {each.change for each in hook.taken[taken:]} == {"entered"}
    wait_until(lambda: len(outcomes(shop, destination="mail", outcome="delivered")) == 2, "both in ClickHouse")
    explained = run(shop, "explain", "delivery", outcomes(shop, destination="mail")[0]["delivery_id"])
    assert "because the destination was brought in line with the segment" in explained
    assert "nothing is missing" in run(shop, "fates", "check")


def consent_of(stack: Stack, who: str) -> str:
    return CliRunner().invoke(onefold, ["consent", "show", f"user_id:{who}"], env=dict(stack.environment)).output


class NoMailbox:
    """A mail server that knows nobody."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, _envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Refuse a recipient."""
        self.asked.append(address)
        return "550 5.1.1 no such user"


def test_a_mailbox_that_does_not_exist_ends_all_mails_to_its_person(shop: Stack) -> None:
    server = Controller(gone := NoMailbox(), hostname="127.0.0.1", port=free_ports(1)[0])
    relay = Mail("127.0.0.1", "Shop <news@shop.example>", port=server.port, security="none")
    texts = (("to", Selected(("traits", "email"))), ("subject", Text("{{ name }}")), ("text", Text("{{ name }}")))
    checks = Checks(channel="letters")
    letters = Destination("letters", receiver=relay, checks=checks, mapping=Fields(texts), traits=("email",))
    named = {"joined": "Signed Up", "looked": "Cart Viewed"}
    segments = tuple(Segment(name, counted(event), destinations=("letters",)) for name, event in named.items())
    adopted(shop, Definitions(segments, (letters,)))
    server.start()
    try:
        call(shop, "identify", userId="eve", messageId="eve-1", traits={"email": "eve@shop.example"})
        call(shop, "track", event="Signed Up", userId="eve", messageId="eve-2")
        wait_until(lambda: bool(outcomes(shop, destination="letters", outcome="refused")), "the refusal")
        (refused,) = outcomes(shop, destination="letters", outcome="refused")
        assert refused["detail"].startswith("hard bounce: answered 550 5.1.1")
        wait_until(lambda: "hard_bounce" in consent_of(shop, "eve"), "the denial")
        call(shop, "track", event="Cart Viewed", userId="eve", messageId="eve-3")
        wait_until(lambda: bool(outcomes(shop, destination="letters", reason="no_consent")), "what is not sent")
        assert gone.asked == ["eve@shop.example"]
    finally:
        server.stop()
