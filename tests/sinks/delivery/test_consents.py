"""Whoever wants no mails, or has no mailbox, gets none: whatever the destination's file says, or leaves out."""

import uuid
from collections.abc import Callable

import msgspec
import pytest

from definitions.consent import NO_RULES, ConsentRules, Purpose
from definitions.destinations import Checks, Destination
from definitions.receivers.mail import Mail
from definitions.receivers.webhook import Webhook
from definitions.streaming.consent import CompiledConsent, SaidInEvent
from schemas.activations import Activation
from schemas.consent import ConsentState, ConsentStatement, encode_consent
from schemas.records import ConsentChange, Event, Identifier
from schemas.unsubscribing import PATH, read_link
from sinks.delivery.bounced import bounce_event
from sinks.delivery.consents import objection_to
from sinks.destinations.contract import Delivery, Refused, UnknownAddress
from sinks.destinations.mail.links import links
from state.view import StateView
from tests.sinks.delivery.examples import activation
from tests.sinks.delivery.test_lines import Memory

RULES = ConsentRules((Purpose("marketing", default="opt_out"),))
EMAIL = Identifier("email", "li@shop.example")
NAMESPACE = uuid.UUID(int=7)
MAIL = Mail("smtp.shop.example", "news@shop.example")
WHOLE = Destination("news", receiver=MAIL, checks=Checks("marketing", "email"))


def by_link(destination: Destination, _rules: CompiledConsent) -> SaidInEvent:
    """What the link in a destination's mails says."""
    url = links("https://api.shop.example", lambda _: NAMESPACE)(
        "w", "p", destination.reached_by, destination.consent_purpose
    )
    assert url is not None
    link = read_link(url.partition(PATH)[2], lambda _: NAMESPACE)
    return SaidInEvent(link.purpose, link.channel, "denied")


def by_event(_destination: Destination, rules: CompiledConsent) -> SaidInEvent:
    """What a mail service's event says."""
    bounced = bounce_event(
        _delivery(), Refused("rejected", "", bounce=UnknownAddress("5.1.1", is_hard=True)), "", 1, ()
    )
    assert bounced is not None
    (said,) = rules.said_in(msgspec.structs.replace(bounced, event="Unsubscribed", properties="{}"))
    return said


def by_bounce(destination: Destination, rules: CompiledConsent) -> SaidInEvent:
    """What a mail server's refusal says."""
    refused = Refused("rejected", "", bounce=UnknownAddress("5.1.1", is_hard=True))
    bounced: Event | None = bounce_event(_delivery(), refused, destination.reached_by, 1, ())
    assert bounced is not None
    (said,) = rules.said_in(bounced)
    return said


def _delivery() -> Delivery:
    return Delivery("k" * 32, msgspec.structs.replace(activation(1), identifiers=(EMAIL,)), {})


def objection(destination: Destination, rules: ConsentRules, *said: SaidInEvent) -> str | None:
    """What stands against a mail to somebody who has said this."""
    statements = {each.purpose: {each.channel: ConsentStatement(each.status, 1, "m", "web")} for each in said}
    change: Activation = msgspec.structs.replace(activation(2), consent=encode_consent(ConsentState(statements)))

    def decode(record: bytes) -> ConsentChange:
        return msgspec.json.decode(record, type=ConsentChange)

    return objection_to(destination, rules.defaults, StateView(Memory()), b"w|person|p", change, decode)


@pytest.mark.parametrize("way", [by_link, by_event, by_bounce])
@pytest.mark.parametrize(
    ("destination", "rules"),
    [
        (WHOLE, RULES),
        (msgspec.structs.replace(WHOLE, checks=Checks("marketing")), RULES),
        (
            msgspec.structs.replace(WHOLE, checks=Checks("marketing", "letters")),
            ConsentRules(RULES.purposes, channels=("letters",)),
        ),
        (msgspec.structs.replace(WHOLE, checks=Checks(channel="email")), RULES),
        (msgspec.structs.replace(WHOLE, checks=Checks()), RULES),
        (msgspec.structs.replace(WHOLE, checks=Checks()), NO_RULES),
    ],
)
def test_who_wants_no_mails_gets_none_whatever_the_file_says(
    destination: Destination, rules: ConsentRules, way: Callable[[Destination, CompiledConsent], SaidInEvent]
) -> None:
    assert objection(destination, rules) is None
    said = way(destination, CompiledConsent(rules))
    assert said.status == "denied"
    assert objection(destination, rules, said) is not None


def test_a_receiver_that_is_no_persons_is_asked_for_no_consent_unless_it_says_so() -> None:
    hook = Destination("crm", receiver=Webhook("https://shop.example"))
    assert objection(hook, RULES, SaidInEvent("all", "all", "denied")) is None
