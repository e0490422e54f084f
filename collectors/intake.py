"""Writes the calls of a body to Kafka: accepted ones to `events`, rejected ones to `events.rejected`; counts them."""

from collections import Counter
from collections.abc import Iterable

from admission import json_text
from admission.rejection import Rejection
from collectors import metrics
from collectors.events import Sender
from collectors.validation import RejectedCall, ValidatedCalls
from runtime.errors import OnefoldError, TransientError
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.deliveries import ProducerRecord
from schemas import topics
from schemas.contracts import Contracts, Encoders
from schemas.identity import identifier_key
from schemas.records import Event, RejectedEvent


class Intake:
    """Writes the calls of a body. After `keep` returns, nothing of the request can be lost."""

    def __init__(self, producer: AsyncProducer, contracts: Contracts) -> None:
        self._producer = producer
        self._contracts = contracts

    async def keep(self, validated: ValidatedCalls, received_at: int) -> None:
        """Return when Kafka has acknowledged all of it. Raises OnefoldError: the sender has to come again."""
        senders = [Sender(event.workspace, event.source) for event in validated.accepted]
        try:
            encoders = self._contracts.encoders
            if encoders is None:
                raise TransientError(self._contracts.reason)
            records = [_accepted_record(encoders, event) for event in validated.accepted]
            records += _rejected_records(encoders, validated.rejected, received_at)
            await self._producer.send(records)
        except OnefoldError:
            _count(senders, "unavailable")
            raise
        _count(senders, "accepted")
        for reason, count in Counter(validated.unused).items():
            metrics.IDENTIFIERS_UNUSED.labels(reason).inc(count)
        repairs = (repair for event in validated.accepted for repair in event.repairs)
        for repaired, count in Counter(repair.reason for repair in repairs).items():
            metrics.REPAIRS.labels(repaired).inc(count)
        _count((call.sender for call in validated.rejected if call.sender is not None), "rejected")
        for call in validated.rejected:
            count_rejection(call.sender, call.rejection.code)

    async def keep_rejected_body(
        self, sender: Sender | None, rejection: Rejection, body: bytes, received_at: int
    ) -> None:
        """Do as `keep`, for a request that is wrong as a whole."""
        rejected = RejectedCall(0, sender, None, rejection, json_text.excerpt_of_bytes(body))
        await self.keep(ValidatedCalls((), (rejected,)), received_at)


def count_rejection(sender: Sender | None, reason: str) -> None:
    """Count one rejected event or request under its reason, which must be one of our own codes."""
    workspace, source = (sender.workspace, sender.source) if sender else ("", "")
    metrics.REJECTIONS.labels(workspace, source, reason).inc()


def _accepted_record(encoders: Encoders, event: Event) -> ProducerRecord:
    key = identifier_key(event.workspace, event.identifiers[0])
    return ProducerRecord(topics.EVENTS, key, encoders.event(event))


def _rejected_records(encoders: Encoders, rejected: Iterable[RejectedCall], received_at: int) -> list[ProducerRecord]:
    return [
        ProducerRecord(topics.EVENTS_REJECTED, None, encoders.rejected(_rejected_event(call, call.sender, received_at)))
        for call in rejected
        if call.sender is not None
    ]


def _rejected_event(call: RejectedCall, sender: Sender, received_at: int) -> RejectedEvent:
    rejection = call.rejection
    return RejectedEvent(
        workspace=sender.workspace,
        source=sender.source,
        reason=rejection.code,
        detail=f"{rejection.field}: {rejection.message}" if rejection.field else rejection.message,
        body=call.body,
        received_at=received_at,
        message_id=call.message_id,
    )


def _count(senders: Iterable[Sender], outcome: str) -> None:
    for sender, events in Counter(senders).items():
        metrics.EVENTS.labels(sender.workspace, sender.source, outcome).inc(events)
