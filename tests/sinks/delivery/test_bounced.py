"""A mailbox that a server says does not exist is an event, once, and none because of itself."""

import json

import msgspec
import pytest

from definitions.consent import ConsentRules, Purpose
from definitions.streaming.consent import CompiledConsent
from schemas.identity import identifier_key
from schemas.records import Event, Identifier
from schemas.topics import DELIVERIES, EVENTS
from sinks.delivery import lines
from sinks.delivery.bounced import bounce_event
from sinks.delivery.rounds import Ended, settle
from sinks.destinations.contract import Delivered, Delivery, Outcome, Refused, UnknownAddress
from state.view import StateView
from tests.sinks.delivery.examples import activation
from tests.sinks.delivery.test_choosing import NOW, begin, choice, served
from tests.sinks.delivery.test_lines import Memory, decode, encode

DAY = 86_400_000
GONE = Refused(
    "rejected", "hard bounce: answered 550 5.1.1 to the recipient", bounce=UnknownAddress("5.1.1", is_hard=True)
)
EMAIL = Identifier("email", "li@shop.example")


def delivery(cause: str = "m") -> Delivery:
    about = msgspec.structs.replace(
        activation(1), identifiers=(Identifier("user_id", "7"), EMAIL), cause=cause, happened_at=5
    )
    return Delivery("k" * 32, about, {})


def test_the_event_ends_the_consent_for_mails() -> None:
    event = bounce_event(delivery(), GONE, "email", NOW, ())
    assert event is not None
    assert (event.event, event.identifiers, event.occurred_at) == ("Email Bounced", (EMAIL,), NOW)
    assert json.loads(event.properties)["delivery"] == "k" * 32
    rules = CompiledConsent(ConsentRules((Purpose("marketing"),)))
    (said,) = rules.said_in(event)
    assert (said.channel, said.status, said.reason) == ("email", "denied", "hard_bounce")


def test_of_a_person_with_several_addresses_the_one_bounces_that_the_mail_went_to() -> None:
    other, user = Identifier("email", "li@home.example"), Identifier("user_id", "7")
    about = msgspec.structs.replace(delivery().activation, identifiers=(user, EMAIL, other))

    def bounced(address: str) -> Event | None:
        gone = msgspec.structs.replace(GONE, bounce=UnknownAddress("5.1.1", is_hard=True, address=address))
        return bounce_event(Delivery("k" * 32, about, {}), gone, "email", NOW, ())

    for address, identifier in (("Li@Home.example", other), ("li@shop.example", EMAIL), ("of@a.trait", user)):
        event = bounced(address)
        assert event is not None
        assert event.identifiers == (identifier,)


def test_without_a_code_nobody_is_denied_anything() -> None:
    event = bounce_event(delivery(), msgspec.structs.replace(GONE, bounce=UnknownAddress()), "", NOW, ())
    assert event is not None
    assert CompiledConsent(ConsentRules((Purpose("marketing"),))).said_in(event) == ()


def test_it_says_the_time_of_the_workspaces_clock() -> None:
    event = bounce_event(delivery(), GONE, "", NOW, ("w",))
    assert event is not None
    assert event.occurred_at == 5


def test_what_was_sent_because_of_a_bounce_makes_no_other_one() -> None:
    event = bounce_event(delivery(), GONE, "", NOW, ())
    assert event is not None
    assert bounce_event(delivery(event.message_id), GONE, "", NOW, ()) is None


def test_what_bounces_again_on_a_day_is_the_same_event_whatever_was_sent() -> None:
    other = msgspec.structs.replace(delivery("deadline"), key="l" * 32)
    first, second, later = (
        bounce_event(each, GONE, "", now, ()) for each, now in ((delivery(), NOW), (other, NOW + 9), (other, NOW + DAY))
    )
    assert first is not None
    assert second is not None
    assert later is not None
    assert first.message_id == second.message_id != later.message_id


def test_a_refusal_for_another_reason_is_none() -> None:
    assert bounce_event(delivery(), Refused("rejected", "spam"), "", NOW, ()) is None


@pytest.mark.parametrize(("outcome", "topics"), [(GONE, [DELIVERIES, EVENTS]), (Delivered(), [DELIVERIES])])
def test_it_is_put_beside_the_outcome(outcome: Outcome, topics: list[str]) -> None:
    shop, store, change = served(), Memory(), delivery().activation
    line = lines.line_key("shop", b"w|person|p")
    view = StateView(store)
    lines.admit(view, line, change, encode(change), "events", NOW, decode)
    store.commit(view)
    request = begin(shop, view, NOW)
    assert request is not None
    settling = choice(view, NOW)
    settle(Ended(request, [outcome], 1), settling)
    outputs = settling.notes.outputs
    assert [each.topic for each in outputs] == topics
    for each in outputs[1:]:
        event = msgspec.json.decode(each.value or b"", type=Event)
        assert each.key == identifier_key("w", event.identifiers[0])
