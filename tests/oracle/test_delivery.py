"""The calls of the stream mean what its events say, in whatever way they are written."""

import msgspec

from admission.json_text import parse
from collectors.events import Sender
from collectors.validation import Receipt, validate_call
from identity.rules import DEFAULT_RULES
from tests.oracle.delivery import UNREADABLE, call
from tests.oracle.stream import PHASE_ENDS, WEB, deliveries

RECEIPT = Receipt(PHASE_ENDS[-1] + 1, 1)


def test_every_call_of_the_stream_is_its_event() -> None:
    timestamps, users = set(), set()
    for delivery in deliveries(1, "main"):
        sent = parse(msgspec.json.encode(call(delivery.event)))
        assert isinstance(sent, dict)
        validated = validate_call(sent, delivery.event.type, Sender("main", WEB), RECEIPT, DEFAULT_RULES)
        if delivery.by == "http":
            (event,) = validated.accepted
            assert (event.message_id, event.occurred_at) == (delivery.event.message_id, delivery.event.occurred_at)
            assert event.identifiers == delivery.event.identifiers
            timestamps.add(type(sent["timestamp"]) if sent["timestamp"] != UNREADABLE else UNREADABLE)
            users.add(type(sent.get("userId")))
    assert timestamps == {str, int, msgspec.Raw, UNREADABLE}
    assert users == {str, int, msgspec.Raw, type(None)}
