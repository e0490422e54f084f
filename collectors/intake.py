"""Writes judgements to Kafka: accepted events to `events`, refused ones to `events.rejected`, and counts them."""

from collections import Counter
from collections.abc import Iterable

from admission import json_text
from admission.rejection import Rejection
from collectors import metrics
from collectors.events import Sender
from collectors.validation import Judgement, RefusedCall
from runtime.errors import OnefoldError, TransientError
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.deliveries import ProducerRecord
from schemas import topics
from schemas.contracts import Contracts, Encoders
from schemas.identity import identifier_key
from schemas.records import Event, RejectedEvent


class Intake:
    """Writes what the judgement says. After `keep` returns, nothing of the request can be lost."""

    def __init__(self, producer: AsyncProducer, contracts: Contracts) -> None:
        self._producer = producer
        self._contracts = contracts

    async def keep(self, judgement: Judgement, received_at: int) -> None:
        """Return when Kafka has acknowledged all of it. Raises OnefoldError: the sender has to come again."""
        senders = [Sender(event.workspace, event.source) for event in judgement.accepted]
        try:
            encoders = self._contracts.encoders
            if encoders is None:
                raise TransientError(self._contracts.reason)
            records = [_accepted_record(encoders, event) for event in judgement.accepted]
            records += _refused_records(encoders, judgement.refused, received_at)
            await self._producer.send(records)
        except OnefoldError:
            _count(senders, "unavailable")
            raise
        _count(senders, "accepted")
        for reason, count in Counter(judgement.unused).items():
            metrics.IDENTIFIERS_UNUSED.labels(reason).inc(count)
        repairs = (repair for event in judgement.accepted for repair in event.repairs)
        for repaired, count in Counter(repair.reason for repair in repairs).items():
            metrics.REPAIRS.labels(repaired).inc(count)
        _count((refused.sender for refused in judgement.refused if refused.sender is not None), "rejected")
        for refused in judgement.refused:
            count_rejection(refused.sender, refused.rejection.code)

    async def keep_refused_body(
        self, sender: Sender | None, rejection: Rejection, body: bytes, received_at: int
    ) -> None:
        """As `keep`, for a request that is wrong as a whole."""
        refused = RefusedCall(0, sender, None, rejection, json_text.excerpt_of_bytes(body))
        await self.keep(Judgement((), (refused,)), received_at)


def count_rejection(sender: Sender | None, reason: str) -> None:
    """Count one refused event or request under its reason, which must be one of our own codes."""
    workspace, source = (sender.workspace, sender.source) if sender else ("", "")
    metrics.REJECTIONS.labels(workspace, source, reason).inc()


def _accepted_record(encoders: Encoders, event: Event) -> ProducerRecord:
    key = identifier_key(event.workspace, event.identifiers[0])
    return ProducerRecord(topics.EVENTS, key, encoders.event(event))


def _refused_records(encoders: Encoders, refused: Iterable[RefusedCall], received_at: int) -> list[ProducerRecord]:
    return [
        ProducerRecord(topics.EVENTS_REJECTED, None, encoders.rejected(_rejected_event(call, call.sender, received_at)))
        for call in refused
        if call.sender is not None
    ]


def _rejected_event(refused: RefusedCall, sender: Sender, received_at: int) -> RejectedEvent:
    rejection = refused.rejection
    return RejectedEvent(
        workspace=sender.workspace,
        source=sender.source,
        reason=rejection.code,
        detail=f"{rejection.field}: {rejection.message}" if rejection.field else rejection.message,
        body=refused.body,
        received_at=received_at,
        message_id=refused.message_id,
    )


def _count(senders: Iterable[Sender], outcome: str) -> None:
    for sender, events in Counter(senders).items():
        metrics.EVENTS.labels(sender.workspace, sender.source, outcome).inc(events)
