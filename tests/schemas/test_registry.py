"""What a registry answers about ids and schemas, and what that means: for bytes that bear an id, and at a start."""

import json
import struct
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from embedded.stack import Stack
from runtime.errors import TerminalError
from schemas import topics
from schemas.codec import Codec, DecodeError
from schemas.records import Event, Route
from schemas.registry import COMPATIBILITY, OWN_SUBJECTS, Registry, StillReading, register


@pytest.mark.stack
@pytest.mark.parametrize("schema_id", [0, 999_999, 2**31 - 1, 2**31, 2**32 - 1])
def test_bytes_of_a_schema_that_nobody_registered_are_at_fault_themselves(stack: Stack, schema_id: int) -> None:
    codec = Codec(Registry(stack.settings.registry))
    for _ in range(2):
        with pytest.raises(DecodeError) as error:
            codec.decode(Event, struct.pack(">bI", 0, schema_id) + b"body")
        assert error.value.reason == "unknown_schema"


@pytest.mark.stack
def test_an_incompatible_schema_is_refused_and_the_message_says_what_for(stack: Stack) -> None:
    subject, name = f"{uuid.uuid4().hex}-value", Route.__name__
    client = SchemaRegistryClient({"url": stack.settings.registry})
    other = {"type": "record", "name": name, "namespace": "onefold", "fields": [{"name": "x", "type": "int"}]}
    client.register_schema(subject, Schema(json.dumps(other), "AVRO"))
    client.set_compatibility(subject, COMPATIBILITY)
    with pytest.raises(TerminalError, match=rf"schema of {name} for {subject}: it is incompatible"):
        Registry(stack.settings.registry).register(subject, Route)


class Reading(ThreadingHTTPServer):
    """A registry that has just begun: it refuses so many times what is there already, and has not been read."""

    def __init__(self, refusals: int) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.refusals = refusals
        self.registered: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    server: Reading

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/compatibility/"):
            self._answer(200, {"is_compatible": True})
            return
        if self.server.refusals:
            self.server.refusals -= 1
            self._answer(409, {"error_code": 409, "message": "there is one already"})
        else:
            self.server.registered.add(self.path.split("/")[2])
            self._answer(200, {"id": 7})

    def do_GET(self) -> None:
        if self.path.startswith("/subjects"):
            self._answer(200, sorted(self.server.registered))
        else:
            self._answer(404, {"error_code": 40403, "message": "there is no such schema"})

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, {"compatibility": COMPATIBILITY})

    def _answer(self, status: int, body: object) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def reading(request: pytest.FixtureRequest) -> Iterator[Reading]:
    server = Reading(request.param)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("reading", [3], indirect=True)
def test_a_registry_that_is_still_reading_is_waited_for(reading: Reading) -> None:
    with pytest.raises(StillReading):
        Registry(reading.url).register("x-value", Route)
    register(reading.url)
    assert f"{topics.topic_of(Route)}-value" in reading.registered
    assert reading.refusals == 0


@pytest.mark.parametrize("reading", [10_000], indirect=True)
def test_a_registry_is_not_waited_for_for_ever(reading: Reading) -> None:
    with pytest.raises(StillReading, match="is still reading"):
        register(reading.url, reads_within_s=0.0)


@pytest.mark.parametrize("reading", [0], indirect=True)
def test_what_a_registry_does_not_know_is_nobodys_fault_until_it_has_read_our_own_schemas(reading: Reading) -> None:
    registry = Registry(reading.url)
    with pytest.raises(StillReading, match="is still reading"):
        registry.schema_by_id(4711)
    reading.registered |= OWN_SUBJECTS
    assert registry.schema_by_id(4711) is None
