"""The schema registry: registers this release's schemas, looks others up by id. Decoding is `schemas.codec`'s."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from httpx2 import HTTPError

from runtime.errors import UnreachableError
from runtime.http.errors import sorted_status
from schemas import topics
from schemas.codec import RECORDS, schema_text
from schemas.records import Event
from settings import without_credentials

COMPATIBILITY = "FULL_TRANSITIVE"
_UNKNOWN = 404
_LAST_ID = 2**31 - 1  # an id is a signed integer of 32 bits to Confluent's registry and to all that are compatible


class Registry:
    """A Confluent-compatible registry. Every method raises TransientError or TerminalError when it cannot answer."""

    def __init__(self, url: str, timeout_s: float = 10.0) -> None:
        self._address = without_credentials(url)
        self._client = SchemaRegistryClient({"url": url, "timeout": timeout_s})
        self._ids: dict[type[msgspec.Struct], int] = {}

    def schema_by_id(self, schema_id: int) -> str | None:
        """Return text of a schema, or None where the registry answers that there is none.

        An id that no registry gives is not asked for: what its server makes of such a number is anybody's guess.
        """
        if schema_id > _LAST_ID:
            return None
        with self._errors_sorted():
            try:
                return self._client.get_schema(schema_id).schema_str
            except SchemaRegistryError as error:
                if error.http_status_code == _UNKNOWN:
                    return None
                raise

    def id_of(self, record: type[msgspec.Struct]) -> int:
        """Register this release's schema under the record's first topic if it is not there yet; its id."""
        if record not in self._ids:
            self._ids[record] = self._register(f"{topics.topic_of(record)}-value", record)
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
                self._register(subject, record)
            self.require_compatibility(subject)

    def _register(self, subject: str, record: type[msgspec.Struct]) -> int:
        with self._errors_sorted():
            return int(self._client.register_schema(subject, Schema(schema_text(record), "AVRO")))

    @contextmanager
    def _errors_sorted(self) -> Iterator[None]:
        server = f"the schema registry at {self._address}"
        try:
            yield
        except SchemaRegistryError as error:
            raise sorted_status(server, error.http_status_code, str(error)) from error
        except HTTPError as error:  # of the client's own HTTP library
            raise UnreachableError(f"{server} does not answer: {error}") from error


def register(url: str) -> None:
    """Register all schemas at `url`; repeating it changes nothing."""
    Registry(url).register_all()
