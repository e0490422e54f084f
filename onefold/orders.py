"""Orders to GRAPH from the command line: sent to `identity.requests`, followed on `identity.changes`.

An order that was sent goes on by itself: whoever stops following it loses nothing but the view.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
import msgspec
from confluent_kafka import Message, TopicPartition

from api.requests import Outcome, outcome
from embedded.terminal import Terminal
from onefold.running import data_dir_option
from onefold.unreachable import failure
from onefold.wording import json_text
from runtime.errors import OnefoldError
from runtime.kafka.clients import unjoined_consumer
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.offsets import Offsets
from runtime.kafka.producer import AcknowledgedProducer
from runtime.literal import literal
from schemas import topics
from schemas.changes import RequestState
from schemas.codec import Codec, DecodeError
from schemas.records import IdentityChange, IdentityRequest
from schemas.registry import Registry
from settings import Settings

DELIVERY_TIMEOUT_S = 10.0
POLL_S = 0.2
TELL_S = 10.0
INTERRUPTED = 130

_WAITING_FOR: dict[RequestState, str] = {
    "unanswered": "waiting for the worker to decide",
    "rebuilding": "decided; waiting for the rebuilder to replay the events of the profiles concerned",
}

Command = TypeVar("Command", bound=Callable[..., Any])


class Order(msgspec.Struct, frozen=True):
    """One order as it is sent. `request_id` is what a person asks about; each request's own begins with it."""

    request_id: str
    requests: tuple[IdentityRequest, ...]


def order_options(command: Command) -> Command:
    """The options of every order."""
    for option in (
        click.option("--reason", default="", metavar="TEXT", help="Why; kept with the evidence."),
        click.option("--workspace", default="main", show_default=True),
        click.option("--no-wait", is_flag=True, help="Return once the order is sent."),
        click.option(
            "--timeout",
            "timeout_s",
            type=click.FloatRange(min=0),
            default=300.0,
            show_default=True,
            help="Seconds to follow it; it goes on all the same.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object."),
        data_dir_option,
    ):
        command = option(command)
    return command


def new_request_id() -> str:
    return uuid.uuid4().hex


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def carry_out(settings: Settings, order: Order, *, no_wait: bool, timeout_s: float, as_json: bool) -> Outcome:
    """Send an order and follow it to its end; without waiting, it is `unanswered`.

    Ends the process with a word on how to look after it, when interrupted or out of time. Raises ClickException when it
    could not be sent, and when it changes nothing.
    """
    if no_wait:
        _sent(settings, order).close()
        found = outcome(order.request_id, ())
        click.echo(json_text(found) if as_json else _accepted(order))
        return found
    found = send_and_follow(settings, order, timeout_s)
    if as_json:
        click.echo(json_text(found))
    if found.state == "unchanged":
        reasons = literal("; ".join(found.reasons)) or "there is nothing to change"
        raise click.ClickException(f"nothing was changed: {reasons}")
    return found


def send_and_follow(settings: Settings, order: Order, timeout_s: float) -> Outcome:
    """Send an order and follow it to its end; ends the process as `carry_out` does, but not when nothing was changed.

    Requests without an id are sent in their place, and not followed.
    """
    return _follow(_sent(settings, order), order, timeout_s)


def _sent(settings: Settings, order: Order) -> "_Following":
    try:
        codec = Codec(Registry(settings.registry))
        following = _Following(settings, codec)
        send(settings, codec, order)
    except OnefoldError as error:
        raise click.ClickException(f"{failure(error)}; the order was not sent") from error
    return following


def send(settings: Settings, codec: Codec, order: Order) -> None:
    """Return once Kafka has acknowledged all of it. Raises TransientError or TerminalError."""
    encode = codec.encoder(IdentityRequest)
    producer = AcknowledgedProducer(settings.kafka, "onefold", delivery_timeout_s=DELIVERY_TIMEOUT_S)
    producer.send(
        ProducerRecord(topics.IDENTITY_REQUESTS, request.workspace.encode(), encode(request))
        for request in order.requests
    )


def summary(found: Outcome) -> str:
    """What an order did, for a person."""
    lines = [f"profile {literal(one.profile_id)}   {_counted(one.identifiers, 'identifier')}" for one in found.profiles]
    if found.state == "done" and found.profiles:
        lines.append(f"{_counted(found.events, 'event')} replayed in {found.milliseconds / 1000:.1f} s")
    return "\n".join(lines)


class _Following:
    """What is told on `identity.changes` from now on; to be made before the order is sent. No group is joined."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._codec = codec
        offsets = Offsets(settings.kafka)
        extents = offsets.extents(offsets.partitions([topics.IDENTITY_CHANGES]))
        self._consumer = unjoined_consumer(settings.kafka)
        self._consumer.assign(
            [TopicPartition(topic, partition, extent.end) for (topic, partition), extent in extents.items()]
        )

    def about(self, request_ids: frozenset[str], deadline: float) -> Iterator[IdentityChange | None]:
        """Changes with these ids as they come, None while there is none; ends at the deadline."""
        while time.monotonic() < deadline:
            change = self._decoded(self._consumer.poll(POLL_S))
            yield change if change is not None and change.request_id in request_ids else None

    def close(self) -> None:
        self._consumer.close()

    def _decoded(self, message: Message | None) -> IdentityChange | None:
        if message is None or message.error() is not None:
            return None
        try:
            return self._codec.decode(IdentityChange, message.value())
        except DecodeError:
            return None


def _follow(following: _Following, order: Order, timeout_s: float) -> Outcome:
    ids = frozenset(request.request_id for request in order.requests if request.request_id)
    told: list[IdentityChange] = []
    found = outcome(order.request_id, told)
    try:
        with _screen() as show:
            for change in following.about(ids, time.monotonic() + timeout_s):
                if change is not None:
                    told.append(change)
                    found = outcome(order.request_id, told)
                if found.state not in _WAITING_FOR:
                    return found
                show(_WAITING_FOR[found.state])
    except KeyboardInterrupt:
        click.echo(f"\n{_accepted(order)}", err=True)
        raise SystemExit(INTERRUPTED) from None
    finally:
        following.close()
    raise click.ClickException(f"still {_WAITING_FOR[found.state]} after {timeout_s:g} s.\n{_accepted(order)}")


@contextmanager
def _screen() -> Iterator[Callable[[str], None]]:
    """Says what is waited for: at once on a terminal, else every ten seconds."""
    console = Terminal(stderr=True)
    started = told_at = time.monotonic()
    if console.is_terminal:
        with console.status("") as status:
            yield lambda text: status.update(f"{text} ({time.monotonic() - started:.0f} s)")
        return

    def tell(text: str) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= TELL_S:
            told_at = time.monotonic()
            click.echo(f"{text} ({told_at - started:.0f} s)", err=True)

    yield tell


def _accepted(order: Order) -> str:
    return f"The order is accepted and goes on by itself: onefold identity status {order.request_id}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
