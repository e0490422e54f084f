"""The receivers of examples/ take what Onefold signs, and nothing else; what verifies is what the guide shows."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from embedded.layout import free_ports
from sinks.destinations.http.signing import signature_headers, signer
from tests.guide.chapter import blocks

RECEIVERS = Path(__file__).parents[2] / "examples" / "receivers"
LANGUAGES = {"webhook.py": ([sys.executable], "python"), "webhook.js": (["node"], "js")}
SECRET, ANOTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BODY = json.dumps({"type": "segment.entered", "data": {"name": "李雷"}}, ensure_ascii=False).encode()


class Receiver:
    """A receiver as a process, and what it prints."""

    def __init__(self, command: Sequence[str], secret: Path) -> None:
        (port,) = free_ports(1)
        self._url = f"http://127.0.0.1:{port}/"
        self.process = subprocess.Popen([*command, str(port), str(secret)], stdout=subprocess.PIPE, text=True)
        assert self.said() == f"waiting for webhooks at {self._url}"

    def said(self) -> str:
        """The next line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def answer(self, secret: str, message_id: str) -> int:
        """The status that it answers to a delivery signed by a secret."""
        headers = signature_headers([signer(secret)], message_id, int(time.time()), BODY)
        return httpx.post(self._url, content=BODY, headers=headers, trust_env=False).status_code


@pytest.fixture(params=LANGUAGES)
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Receiver]:
    secret = tmp_path / "crm.secret"
    secret.write_text(f"{SECRET}\n")
    command, _ = LANGUAGES[request.param]
    receiver = Receiver([*command, str(RECEIVERS / request.param)], secret)
    yield receiver
    receiver.process.kill()
    receiver.process.communicate()


def test_what_is_genuine_is_printed_and_all_else_is_refused(receiver: Receiver) -> None:
    assert receiver.answer(ANOTHER, "forged") == 401
    assert receiver.answer(SECRET, "id-1") == 204
    assert receiver.said() == f"id-1 {BODY.decode()}"


@pytest.mark.parametrize("name", LANGUAGES)
def test_it_verifies_as_the_guide_says(name: str) -> None:
    _, language = LANGUAGES[name]
    (block,) = blocks("receivers", language)
    function = block.text[block.text.index("def " if language == "python" else "//") :]
    assert function in (RECEIVERS / name).read_text(encoding="utf-8")
