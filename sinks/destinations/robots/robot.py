"""Sends one message to a robot of a chat group; what it looks like and what its answer means is each kind's."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

import msgspec

from definitions.receivers.http import why_no_url
from definitions.receivers.values import Secret
from sinks.destinations.contract import Batching, Delivery, Outcome, Refused
from sinks.destinations.http.session import Answer, HttpSession
from sinks.destinations.robots.texts import Unsayable
from sinks.destinations.secrets import BadOption, resolve

Message: TypeAlias = tuple[str, Mapping[str, object]]
"""The address of a request, and its body."""

_SHORTEST_TOKEN = 8
"""Parts of an address that are shorter are words, such as `robot`."""


class Robot:
    """A robot of a chat group: a message for each delivery, in order.

    `message`: what is sent of the fields, to which address; raises Unsayable. `outcome`: what an answer means.
    """

    def __init__(  # noqa: PLR0913 - what the kinds differ in
        self,
        url: Secret,
        message: Callable[[str, Mapping[str, object]], Message],
        outcome: Callable[[Answer], Outcome],
        timeout_s: float,
        *,
        largest: int,
        hidden: Sequence[str] = (),
        allow_private: bool = False,
    ) -> None:
        """Raises MissingSecret, BadOption."""
        self.batching = Batching(1)
        self._url = resolve(url)
        if (reason := why_no_url(self._url)) is not None:
            raise BadOption(f"url: {reason}")
        self._message, self._outcome, self._largest = message, outcome, largest
        self._session = HttpSession(timeout_s, [*tokens_of(self._url), *hidden], allow_private=allow_private)

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send the messages, one after the other."""
        return [await self._send(delivery) for delivery in deliveries]

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _send(self, delivery: Delivery) -> Outcome:
        try:
            url, message = self._message(self._url, delivery.fields)
        except Unsayable as error:
            return Refused("unmappable", str(error))
        body = msgspec.json.encode(message)
        if len(body) > self._largest:
            return Refused("too_large", f"the message is {len(body)} bytes long, {self._largest} are allowed")
        headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": delivery.key}
        answer = await self._session.request("POST", url, body, headers)
        return self._outcome(answer) if isinstance(answer, Answer) else answer


def tokens_of(url: str) -> list[str]:
    """Return what of an address must not be kept: what follows the host, and its parts wherever they appear."""
    parts = urlsplit(url)
    behind = url.partition(parts.netloc)[2]
    values = [value for _, value in parse_qsl(parts.query)]
    return [text for text in (behind, *parts.path.split("/"), *values) if len(text) >= _SHORTEST_TOKEN]
