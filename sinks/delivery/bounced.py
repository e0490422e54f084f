"""The event that a person's address does not exist, as the receiver has refused it for that: it ends the consent.

The same event as of a mail that comes back later (`collectors.bounces`). It is put on the topic `events` in the
transaction of the outcome. Its id is made of the address and the day, so that an address bounces once a day at most,
whatever is sent to it: what answers a bounce, in however many steps, cannot make bounces without end.
"""

from collections.abc import Callable, Collection

import msgspec

from schemas.activations import Activation
from schemas.bouncing import EMAIL_BOUNCED, bounce_properties
from schemas.identity import identifier_key, stable_id
from schemas.records import Event, Identifier
from schemas.topics import EVENTS
from sinks.destinations.contract import Delivery, Refused
from state.outputs import Output

SOURCE = "bounced_delivery"
_MESSAGE_ID = "bounced-"
_DAY_MS = 86_400_000


class BouncedDeliveries:
    """Makes the events. `event_clocks`: the workspaces that go by the time of their events."""

    def __init__(self, encode: Callable[[Event], bytes], event_clocks: Collection[str]) -> None:
        self._encode = encode
        self._event_clocks = event_clocks

    def output(self, delivery: Delivery, refused: Refused, channel: str, now: int) -> Output | None:
        """Return the record of the event that a refusal is; None of one that is none. `now`: ms."""
        event = bounce_event(delivery, refused, channel, now, self._event_clocks)
        if event is None:
            return None
        return Output(EVENTS, identifier_key(event.workspace, event.identifiers[0]), self._encode(event))


def bounce_event(
    delivery: Delivery, refused: Refused, channel: str, now: int, event_clocks: Collection[str]
) -> Event | None:
    """Return the event; None if it is no bounce, or about nobody, or about what was sent because of one. Pure."""
    about, bounce = delivery.activation, refused.bounce
    if bounce is None or not about.identifiers or about.cause.startswith(_MESSAGE_ID):
        return None
    identifier = _identifier(about, bounce.address)
    properties = bounce_properties(bounce.status, delivery.key, refused.detail, is_hard=bounce.is_hard, channel=channel)
    return Event(
        workspace=about.workspace,
        source=SOURCE,
        message_id=_message_id(about.workspace, identifier, bounce.is_hard, now),
        type="track",
        event=EMAIL_BOUNCED,
        # An event of today would move an event clock to today.
        occurred_at=min(about.happened_at, now) if about.workspace in event_clocks else now,
        sent_at=None,
        received_at=now,
        identifiers=(identifier,),
        properties=msgspec.json.encode(properties).decode(),
    )


def _message_id(workspace: str, identifier: Identifier, is_hard: bool, now: int) -> str:
    """Return the id of the event that an address bounces on the day of a time (ms, UTC), hard or not."""
    about = f"{workspace}|{identifier.namespace}|{identifier.value}"
    return f"{_MESSAGE_ID}{stable_id(f'{about}|{is_hard}|{now // _DAY_MS}')}"


def _identifier(about: Activation, address: str) -> Identifier:
    """Return which of a person's identifiers has bounced: the address if it is one, or else the strongest."""
    addresses = [each for each in about.identifiers if each.namespace == "email"]
    if address:
        addresses = [each for each in addresses if each.value.casefold() == address.casefold()]
    return next(iter((*addresses, *about.identifiers)))
