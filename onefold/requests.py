"""Operators' requests to GRAPH from the command line: sent to `identity.requests`, followed on `identity.changes`.

A request that was sent goes on by itself: whoever stops following it loses nothing but the view.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
import msgspec
from confluent_kafka import Message, TopicPartition

from api.outcomes import RequestOutcome, outcome_of
from embedded.terminal import Terminal
from onefold.unreachable import failure
from runtime.errors import OnefoldError
from runtime.kafka.clients import unjoined_consumer
from runtime.kafka.consumed import records_of
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
TOGETHER_S = 0.05
MOST_AT_ONCE = 10_000
SHOW_EVERY_S = 10.0
INTERRUPTED = 130

_WAITING_FOR: dict[RequestState, str] = {
    "unanswered": "waiting for the worker to decide",
    "rebuilding": "decided; waiting for the rebuilder to replay the events of the profiles concerned",
}


class OperatorRequest(msgspec.Struct, frozen=True):
    """What one command requests. A person is shown `request_id`; the id of each record begins with it."""

    request_id: str
    records: tuple[IdentityRequest, ...]


def send_only(settings: Settings, request: OperatorRequest) -> str:
    """Send a request, and return how to ask later what has become of it. Raises ClickException if it was not sent."""
    _sent(settings, request).close()
    return _accepted(request)


def send_and_follow(settings: Settings, request: OperatorRequest, timeout_s: float) -> RequestOutcome:
    """Send a request and follow it to its end.

    Ends the process with a word on how to look after it, when interrupted or out of time. Raises ClickException if it
    was not sent. Records without an id are sent in their order, and not followed.
    """
    return _follow(_sent(settings, request), request, timeout_s)


def _sent(settings: Settings, request: OperatorRequest) -> "_PublishedChanges":
    try:
        codec = Codec(Registry(settings.registry))
        published = _PublishedChanges(settings, codec)
        send(settings, codec, request)
    except OnefoldError as error:
        raise click.ClickException(f"{failure(error)}; the request was not sent") from error
    return published


def send(settings: Settings, codec: Codec, request: OperatorRequest) -> None:
    """Return once Kafka has acknowledged all of it. Raises TransientError or TerminalError."""
    encode = codec.encoder(IdentityRequest)
    producer = AcknowledgedProducer(settings.kafka, "onefold", delivery_timeout_s=DELIVERY_TIMEOUT_S)
    producer.send(
        ProducerRecord(topics.IDENTITY_REQUESTS, record.workspace.encode(), encode(record))
        for record in request.records
    )


def summary(outcome: RequestOutcome) -> str:
    """Say what a request did, for a person."""
    lines = [
        f"profile {literal(profile.profile_id)}   {_counted(profile.identifiers, 'identifier')}"
        for profile in outcome.profiles
    ]
    lines += [f"profile {literal(profile_id)}   of several" for profile_id in outcome.merged]
    if outcome.state == "done" and outcome.profiles:
        lines.append(f"{_counted(outcome.events, 'event')} replayed in {outcome.milliseconds / 1000:.1f} s")
    if outcome.dropped_before:
        lines.append(f"Events before {outcome.dropped_before} were dropped: these profiles lack them.")
    return "\n".join(lines)


class _PublishedChanges:
    """What is published on `identity.changes` from now on; to be made before the request is sent. It joins no group."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._codec = codec
        self._kafka = settings.kafka
        offsets = Offsets(settings.kafka)
        extents = offsets.extents(offsets.partitions([topics.IDENTITY_CHANGES]))
        self._consumer = unjoined_consumer(settings.kafka)
        self._consumer.assign(
            [TopicPartition(topic, partition, extent.end) for (topic, partition), extent in extents.items()]
        )

    def about(self, request_ids: frozenset[str], deadline: float) -> Iterator[list[IdentityChange]]:
        """Changes with these ids as they come, an empty list while there is none; ends at the deadline.

        GRAPH publishes all that it decides of a request in one transaction: what can be read at once belongs together.
        """
        while time.monotonic() < deadline:
            messages = self._consumer.consume(1, POLL_S)
            if messages:
                messages += self._consumer.consume(MOST_AT_ONCE, TOGETHER_S)
            changes = map(self._decoded, records_of(messages, self._kafka))
            yield [change for change in changes if change is not None and change.request_id in request_ids]

    def close(self) -> None:
        self._consumer.close()

    def _decoded(self, message: Message) -> IdentityChange | None:
        try:
            return self._codec.decode(IdentityChange, message.value())
        except DecodeError:
            return None


def _follow(published: _PublishedChanges, request: OperatorRequest, timeout_s: float) -> RequestOutcome:
    ids = frozenset(record.request_id for record in request.records if record.request_id)
    changes: list[IdentityChange] = []
    outcome = outcome_of(request.request_id, changes)
    try:
        with _screen() as show:
            for more in published.about(ids, time.monotonic() + timeout_s):
                if more:
                    changes += more
                    outcome = outcome_of(request.request_id, changes)
                if outcome.state not in _WAITING_FOR:
                    return outcome
                show(_WAITING_FOR[outcome.state])
    except KeyboardInterrupt:
        click.echo(f"\n{_accepted(request)}", err=True)
        raise SystemExit(INTERRUPTED) from None
    finally:
        published.close()
    raise click.ClickException(f"still {_WAITING_FOR[outcome.state]} after {timeout_s:g} s.\n{_accepted(request)}")


@contextmanager
def _screen() -> Iterator[Callable[[str], None]]:
    """Yield what shows what is waited for: at once on a terminal, else every ten seconds."""
    console = Terminal(stderr=True)
    started = shown_at = time.monotonic()
    if console.is_terminal:
        with console.status("") as status:
            yield lambda text: status.update(f"{text} ({time.monotonic() - started:.0f} s)")
        return

    def show(text: str) -> None:
        nonlocal shown_at
        if time.monotonic() - shown_at >= SHOW_EVERY_S:
            shown_at = time.monotonic()
            click.echo(f"{text} ({shown_at - started:.0f} s)", err=True)

    yield show


def _accepted(request: OperatorRequest) -> str:
    return f"The request is accepted and goes on by itself: onefold identity status {request.request_id}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
