"""The chapter's code by which receivers verify webhooks, run as it stands there against what Onefold signs."""

import json
import subprocess
import time
from collections.abc import Callable

import pytest

from sinks.destinations.http.signing import signature_headers, signer
from tests.guide.chapter import blocks

OLD, NEW = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BODY = '{"name": "李雷"}'.encode()
IsGenuine = Callable[[str, dict[str, str], bytes], bool]


def of_python() -> IsGenuine:
    (code,) = (each.text for each in blocks("receivers", "python"))
    names: dict[str, IsGenuine] = {}
    exec(code, names)  # noqa: S102 - the chapter's own
    return names["is_genuine"]


def of_node() -> IsGenuine:
    (code,) = (each.text for each in blocks("receivers", "js"))

    def is_genuine(secret: str, headers: dict[str, str], body: bytes) -> bool:
        given = json.dumps([secret, headers, body.decode()])
        call = f"const [secret, headers, body] = {given}; console.log(isGenuine(secret, headers, Buffer.from(body)));"
        ran = subprocess.run(["node", "-e", f"{code}\n{call}"], capture_output=True, text=True, check=True, timeout=60)
        return ran.stdout.strip() == "true"

    return is_genuine


@pytest.mark.parametrize("language", [of_python, of_node])
def test_what_was_signed_is_genuine_and_nothing_else(language: Callable[[], IsGenuine]) -> None:
    is_genuine, now = language(), int(time.time())
    headers = signature_headers([signer(NEW), signer(OLD)], "id-1", now, BODY)
    assert is_genuine(OLD, headers, BODY)
    assert is_genuine(NEW, headers, BODY)
    assert not is_genuine("whsec_" + "A" * 32, headers, BODY)
    assert not is_genuine(OLD, headers, BODY + b" ")
    assert not is_genuine(OLD, headers | {"webhook-id": "id-2"}, BODY)
    assert not is_genuine(OLD, headers | {"webhook-signature": "v1,é v1a,x"}, BODY)
    assert not is_genuine(OLD, {}, BODY)
    assert not is_genuine(OLD, signature_headers([signer(OLD)], "id-1", now - 301, BODY), BODY)
