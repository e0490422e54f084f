"""The schema registry: registers this release's schemas, looks others up by id. Decoding is `schemas.codec`'s."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from httpx2 import HTTPError

from runtime.errors import TerminalError, TransientError, UnreachableError
from runtime.http.errors import sorted_status
from schemas import topics
from schemas.codec import RECORDS, schema_text
from schemas.records import Event
from settings import without_credentials

COMPATIBILITY = "FULL_TRANSITIVE"
READS_WITHIN_S = 60.0
"""So long a registry that answers may take until it has read what it keeps: Apicurio answers before."""
_READ_AGAIN_S = 0.5
_UNKNOWN, _CONFLICT = 404, 409
OWN_SUBJECTS = frozenset(f"{topics.topic_of(record)}-value" for record in RECORDS)
_LAST_ID = 2**31 - 1  # an id is a signed integer of 32 bits to Confluent's registry and to all that are compatible


class StillReading(TransientError):
    """The registry contradicts itself: it has not read all that it keeps."""


class Registry:
    """A Confluent-compatible registry. Every method raises TransientError or TerminalError when it cannot answer."""

    def __init__(self, url: str, timeout_s: float = 10.0) -> None:
        self._address = without_credentials(url)
        self._client = SchemaRegistryClient({"url": url, "timeout": timeout_s})
        self._ids: dict[type[msgspec.Struct], int] = {}

    def schema_by_id(self, schema_id: int) -> str | None:
        """Return text of a schema, or None where the registry answers that there is none.

        Raises StillReading where it does not know our own schemas either. An id that no registry gives is not looked
        up: what its server makes of such a number is anybody's guess.
        """
        if schema_id > _LAST_ID:
            return None
        with self._errors_sorted():
            try:
                return self._client.get_schema(schema_id).schema_str
            except SchemaRegistryError as error:
                if error.http_status_code != _UNKNOWN:
                    raise
                if missing := OWN_SUBJECTS.difference(self._client.get_subjects()):
                    raise StillReading(
                        f"the schema registry at {self._address} does not know {min(missing)}: it is still reading, or"
                        " `onefold up`, or the job that registers schemas, has not run"
                    ) from error
                return None

    def id_of(self, record: type[msgspec.Struct]) -> int:
        """Register this release's schema under the record's first topic if it is not there yet; its id."""
        if record not in self._ids:
            self._ids[record] = self.register(f"{topics.topic_of(record)}-value", record)
        return self._ids[record]

    def require_compatibility(self, subject: str) -> None:
        """Let the registry refuse a change that older readers or writers of `subject` could not live with."""
        with self._errors_sorted():
            self._client.set_compatibility(subject, COMPATIBILITY)

    def register_all(self) -> None:
        """Register every record's schema under every topic that carries it, each subject FULL_TRANSITIVE."""
        for record in RECORDS:
            self.id_of(record)
        for topic, record in topics.RECORD_OF.items():
            subject = f"{topic}-value"
            if record is Event:
                self.register(subject, record)
            self.require_compatibility(subject)

    def register(self, subject: str, record: type[msgspec.Struct]) -> int:
        """Register a record's schema under a subject if it is not there yet; its id.

        Raises TerminalError, at once, for one that is incompatible with what is there, and StillReading where the
        registry refuses one that is compatible by its own word.
        """
        schema = Schema(schema_text(record), "AVRO")
        with self._errors_sorted():
            try:
                return int(self._client.register_schema(subject, schema))
            except SchemaRegistryError as error:
                if error.http_status_code != _CONFLICT:
                    raise
                if self._is_compatible(subject, schema):
                    raise StillReading(f"the schema registry at {self._address} is still reading: {error}") from error
                raise TerminalError(
                    f"the schema registry at {self._address} refuses the schema of {record.__name__} for {subject}: it"
                    f" is incompatible with one that is registered there ({error})"
                ) from error

    def _is_compatible(self, subject: str, schema: Schema) -> bool:
        try:
            return bool(self._client.test_compatibility(subject, schema))
        except SchemaRegistryError as error:
            if error.http_status_code == _UNKNOWN:  # nothing is there, so nothing can contradict
                return True
            raise

    @contextmanager
    def _errors_sorted(self) -> Iterator[None]:
        server = f"the schema registry at {self._address}"
        try:
            yield
        except SchemaRegistryError as error:
            raise sorted_status(server, error.http_status_code, str(error)) from error
        except HTTPError as error:  # of the client's own HTTP library
            raise UnreachableError(f"{server} does not answer: {error}") from error


def register(url: str, reads_within_s: float = READS_WITHIN_S) -> None:
    """Register all schemas at `url`, waiting for a registry that has just begun; repeating it changes nothing."""
    registry, give_up_at = Registry(url), time.monotonic() + reads_within_s
    while True:
        try:
            registry.register_all()
            return
        except StillReading:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(_READ_AGAIN_S)
