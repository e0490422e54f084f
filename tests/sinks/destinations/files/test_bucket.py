"""Files in S3, as moto's server speaks it: what all files do, and what a service can do to who writes."""

import asyncio
import logging
import uuid
from collections.abc import Iterator, Mapping

import boto3
import pytest
from moto.server import ThreadedMotoServer

from definitions.receivers.files import Files
from definitions.receivers.values import Secret
from sinks.destinations.contract import Outcome, Retry, Unauthorised
from sinks.destinations.files.destination import FilesDestination
from sinks.destinations.files.errors import outcome_of
from sinks.destinations.secrets import MissingSecret
from tests.sinks.destinations.files.contract import FIELDS, FilesContract, run
from tests.sinks.destinations.store_deliveries import delivery

SECRET = "s3cret-of-the-bucket"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server that the tests of this file share; each has a bucket of its own."""
    running = ThreadedMotoServer("127.0.0.1", 0)
    running.start()
    try:
        host, port = running.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        running.stop()


class TestBucket(FilesContract):
    @pytest.fixture(autouse=True)
    def _place(self, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KEY_OF_TESTS", "AKIAOFTESTS")
        monkeypatch.setenv("SECRET_OF_TESTS", SECRET)
        client = boto3.client(
            "s3",
            endpoint_url=server,
            region_name="us-east-1",
            aws_access_key_id="AKIAOFTESTS",
            aws_secret_access_key=SECRET,
        )
        bucket = f"b{uuid.uuid4().hex}"
        client.create_bucket(Bucket=bucket)
        self.options = Files(
            url=f"s3://{bucket}/exports/of 北京",
            endpoint=server,
            access_key=Secret(env="KEY_OF_TESTS"),
            secret_key=Secret(env="SECRET_OF_TESTS"),
        )

        def files() -> Mapping[str, bytes]:
            keys = [each["Key"] for each in client.list_objects_v2(Bucket=bucket).get("Contents", [])]
            assert all(key.startswith("exports/of 北京/") for key in keys), keys
            return {
                key.removeprefix("exports/of 北京/"): client.get_object(Bucket=bucket, Key=key)["Body"].read()
                for key in keys
            }

        self.files = files

    def test_a_bucket_that_is_missing_is_waited_for(self) -> None:
        (outcome,) = self.sent([delivery(0)], url="s3://nobodys-bucket/x")
        assert isinstance(outcome, Retry)
        assert "bucket" in outcome.detail

    def test_a_service_that_cannot_be_reached_is_tried_again_and_told_no_secret(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        (outcome,) = self.sent([delivery(0)], endpoint="http://127.0.0.1:1")
        assert isinstance(outcome, Retry)
        assert outcome.reason == "network", outcome
        assert SECRET not in f"{outcome!r} {caplog.text}"

    def test_a_service_that_does_not_answer_is_tried_again(self) -> None:
        async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        async def send() -> Outcome:
            silent = await asyncio.start_server(never, "127.0.0.1", 0)
            endpoint = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
            options = self.changed(endpoint=endpoint, success=False)
            destination = FilesDestination(options, FIELDS, timeout_s=0.5)
            (outcome,) = await destination.send([delivery(0)])
            await destination.close()
            silent.close()
            return outcome

        outcome = run(send())
        assert isinstance(outcome, Retry)
        assert outcome.reason == "timeout"

    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (403, "AccessDenied", Unauthorised),
            (403, "SignatureDoesNotMatch", Unauthorised),
            (401, "Unauthorized", Unauthorised),
            (400, "ExpiredToken", Unauthorised),
            (400, "BadDigest", "unavailable"),
            (429, "TooManyRequests", "throttled"),
            (503, "SlowDown", "throttled"),
            (500, "InternalError", "unavailable"),
        ],
    )
    def test_each_answer_has_one_meaning(self, status: int, code: str, kind: type | str) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            body = f"<Error><Code>{code}</Code><AWSAccessKeyId>AKIAOFTESTS</AWSAccessKeyId></Error>".encode()
            writer.write(b"HTTP/1.1 %d No\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (status, len(body)))
            writer.write(body)
            await writer.drain()
            writer.close()

        async def send() -> Outcome:
            unwilling = await asyncio.start_server(answer, "127.0.0.1", 0)
            endpoint = f"http://127.0.0.1:{unwilling.sockets[0].getsockname()[1]}"
            destination = FilesDestination(self.changed(endpoint=endpoint, success=False), FIELDS, timeout_s=20)
            (outcome,) = await destination.send([delivery(0)])
            await destination.close()
            unwilling.close()
            return outcome

        outcome = run(send())
        assert "AKIA" not in repr(getattr(outcome, "detail", ""))
        if isinstance(kind, str):
            assert isinstance(outcome, Retry), outcome
            assert outcome.reason == kind
        else:
            assert isinstance(outcome, kind), outcome

    def test_a_missing_secret_is_told_by_its_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SECRET_OF_TESTS")
        with pytest.raises(MissingSecret, match="SECRET_OF_TESTS"):
            FilesDestination(self.options, FIELDS)


def test_what_nobody_has_thought_of_is_tried_again() -> None:
    assert isinstance(outcome_of(ValueError("?")), Retry)
