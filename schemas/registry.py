"""The schema registry: registers this release's schemas, looks others up by id. Decoding is `schemas.codec`'s."""

import msgspec
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from httpx2 import HTTPError

from schemas import topics
from schemas.codec import RECORDS, schema_text
from schemas.records import Event

COMPATIBILITY = "FULL_TRANSITIVE"
REGISTRY_ERRORS = (SchemaRegistryError, HTTPError)
"""What a registry raises that refuses, or that cannot be reached (the client's own HTTP library)."""


class Registry:
    """A Confluent-compatible registry. Raises REGISTRY_ERRORS when it cannot answer."""

    def __init__(self, url: str, timeout_s: float = 10.0) -> None:
        self._client = SchemaRegistryClient({"url": url, "timeout": timeout_s})
        self._ids: dict[type[msgspec.Struct], int] = {}

    def schema_by_id(self, schema_id: int) -> str | None:
        """Text of a schema, or None where the registry answers that there is none."""
        try:
            return self._client.get_schema(schema_id).schema_str
        except SchemaRegistryError as error:
            if error.http_status_code == 404:
                return None
            raise

    def id_of(self, record: type[msgspec.Struct]) -> int:
        """Register this release's schema under the record's first topic if it is not there yet; its id."""
        if record not in self._ids:
            self._ids[record] = self._register(f"{topics.topic_of(record)}-value", record)
        return self._ids[record]

    def _register(self, subject: str, record: type[msgspec.Struct]) -> int:
        return int(self._client.register_schema(subject, Schema(schema_text(record), "AVRO")))

    def require_compatibility(self, subject: str) -> None:
        """Let the registry refuse a change that older readers or writers of `subject` could not live with."""
        self._client.set_compatibility(subject, COMPATIBILITY)

    def register_all(self) -> None:
        """Every record's schema under every topic that carries it, each subject FULL_TRANSITIVE."""
        for record in RECORDS:
            self.id_of(record)
        for topic, record in topics.RECORD_OF.items():
            subject = f"{topic}-value"
            if record is Event:
                self._register(subject, record)
            self.require_compatibility(subject)


def register(url: str) -> None:
    """Register all schemas at `url`; repeating it changes nothing."""
    Registry(url).register_all()
