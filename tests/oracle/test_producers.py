"""What the oracle's producers write means what they were given, and is written in every way."""

from admission.admit import TopicPosition, admit
from identity.rules import DEFAULT_RULES
from schemas.identity import identifier_key
from tests.oracle.producers import as_written
from tests.oracle.scene import meaning
from tests.oracle.stream import deliveries


def test_each_event_means_the_same_in_whatever_way_it_is_written() -> None:
    events = [delivery.event for delivery in deliveries(1, "calm") if delivery.by == "kafka"]
    written = [as_written(event) for event in events]
    for event, (_, sent) in zip(events, written, strict=True):
        admitted = admit(sent, TopicPosition("events", 0, 0), DEFAULT_RULES).event
        assert meaning(admitted) == meaning(event)
    reasons = {
        repair.reason
        for _, sent in written
        for repair in admit(sent, TopicPosition("e", 0, 0), DEFAULT_RULES).event.repairs
    }
    assert reasons == {"invalid_number", "trailing_comma", "repeated_key", "empty_list", "empty_text"}
    assert {None, b"crm"} < {key for key, _ in written}
    own = sum(
        key == identifier_key(event.workspace, event.identifiers[0])
        for event, (key, _) in zip(events, written, strict=True)
    )
    assert len(events) / 4 < own < len(events) * 3 / 4
