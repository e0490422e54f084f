"""Admits events that came straight to Kafka: RESOLVE's way in for those that passed neither collector nor importer."""

from collections.abc import Mapping
from typing import NamedTuple

from admission.admit import Admitted, TopicPosition, admit
from admission.facts.events import FactReaders
from admission.rejection import Rejection
from identity.rules import IdentityRules
from schemas.codec import Codec, DecodeError
from schemas.records import Event, EventHead
from settings import Workspace
from streams import metrics
from streams.metrics import Tally
from streams.phases import Record


class AdmittedRecord(NamedTuple):
    """An event as RESOLVE goes on with it. `admitted`: None if it was admitted before."""

    event: EventHead | Event
    encoded: bytes | None
    admitted: Admitted | None = None


class EventAdmitter:
    """Lets events through whose ordinal is set, and admits the others: a producer leaves it out."""

    def __init__(self, workspaces: Mapping[str, Workspace], rules: IdentityRules, codec: Codec) -> None:
        """Raises SettingsError if what a workspace's facts need cannot be read."""
        self._workspaces = workspaces
        self._facts = FactReaders({name: workspace.facts for name, workspace in workspaces.items()})
        self._rules = rules
        self._codec = codec
        self._encode = codec.encoder(Event)

    def admit(self, record: Record) -> AdmittedRecord:
        """Return the event of a record. Raises DecodeError for what cannot be admitted."""
        head = self._head(record)
        if head.workspace not in self._workspaces:
            raise DecodeError("unknown_workspace", "the event names a workspace that is not configured")
        if head.ordinal > 0:
            return AdmittedRecord(head, record.value)
        event = head if isinstance(head, Event) else self._codec.decode_as_sent(record.value)
        try:
            admitted = admit(event, TopicPosition(record.topic, record.partition, record.offset), self._rules)
        except Rejection as rejection:
            raise _refusal(rejection) from None
        admitted = admitted._replace(event=self._facts.with_facts(admitted.event))
        return AdmittedRecord(admitted.event, self._encode(admitted.event), admitted)

    def _head(self, record: Record) -> EventHead | Event:
        """Decode the front of an event; the whole of one in whose front a text is no UTF-8."""
        try:
            return self._codec.decode_head(record.value)
        except DecodeError as error:
            if error.reason != "invalid":
                raise
            event = self._codec.decode_as_sent(record.value)
            if event.ordinal > 0:
                raise
            return event


def count(tally: Tally, admitted: Admitted) -> None:
    """Count what was repaired in an admitted event, and which of its identifiers are unusable."""
    for repair in admitted.event.repairs:
        tally[metrics.REPAIRS, (repair.reason,)] += 1
    for reason in admitted.unused:
        tally[metrics.IDENTIFIERS_UNUSED, (reason,)] += 1


def _refusal(rejection: Rejection) -> DecodeError:
    detail = f"{rejection.field}: {rejection.message}" if rejection.field else rejection.message
    return DecodeError("no_identifier" if rejection.code == "missing_identifier" else "invalid", detail)
