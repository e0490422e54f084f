"""No secret is in what is kept, however it is written there."""

import base64
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.destinations.contract import MAX_EXCHANGE_CHARS
from sinks.destinations.http.redaction import Redactor, secrets_of_header, secrets_of_url, shown_url

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "percent": lambda secret: quote(secret, safe=""),
    "percent, lower case": lambda secret: re.sub("%..", lambda code: code[0].lower(), quote(secret, safe="")),
    "form": quote_plus,
    "json": json.dumps,
    "json, escaped slashes": lambda secret: json.dumps(secret).replace("/", "\\/"),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 behind a user": lambda secret: base64.b64encode(f"u:{secret}".encode()).decode(),
    "base64 behind a longer user": lambda secret: base64.b64encode(f"us:{secret}:x".encode()).decode(),
    "base64 of URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "hex": lambda secret: secret.encode().hex(),
}
SECRET = "s3cr/t+of=the house?"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_removed_in_every_spelling(spelling: str) -> None:
    written = SPELLINGS[spelling](SECRET)
    kept = Redactor([SECRET])(f"before {written} behind")
    assert SECRET not in kept
    assert written not in kept
    assert "before" in kept
    assert "behind" in kept


WHOLE = sorted(spelling for spelling in SPELLINGS if not spelling.startswith(("base64", "json")))


@given(st.text(min_size=4, max_size=60).filter(lambda text: "|" not in text), st.sampled_from(WHOLE))
def test_nothing_of_any_secret_survives(secret: str, spelling: str) -> None:
    assert Redactor([secret])(f"|{SPELLINGS[spelling](secret)}|") == "|***|"


def test_what_is_long_is_cut_after_secrets_are_removed_not_before() -> None:
    text = "x" * (MAX_EXCHANGE_CHARS - 10) + SECRET
    kept = Redactor([SECRET])(text)
    assert SECRET[:5] not in kept
    assert len(kept) <= MAX_EXCHANGE_CHARS


def test_of_two_secrets_that_begin_alike_nothing_is_left() -> None:
    assert Redactor(["sesame", "sesame-open"])("sesame-open sesame") == "*** ***"


def test_a_url_shows_no_parameter_whose_name_says_that_it_is_secret() -> None:
    shown = shown_url("https://hooks.example/send?access_token=abc123&sign=x%2By&robot=7&api_key=k")
    assert shown == "https://hooks.example/send?access_token=***&sign=***&robot=7&api_key=***"


def test_of_a_secret_url_an_answer_may_not_repeat_its_path_either() -> None:
    url = "https://hooks.example/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
    redact = Redactor(secrets_of_url(url, is_secret=True))
    kept = redact(
        f"POST {url}\n\nno route /services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX, or XXXXXXXXXXXXXXXXXXXXXXXX"
    )
    assert "XXXX" not in kept
    assert "T00000000" not in kept


def test_of_an_open_url_its_secret_parameters_are_hidden_where_an_answer_repeats_them() -> None:
    secrets = secrets_of_url("https://hooks.example/send?access_token=abc%2B123&robot=7", is_secret=False)
    assert Redactor(secrets)("invalid abc+123 of robot 7") == "invalid *** of robot 7"


def test_a_header_is_what_it_carries_as_well() -> None:
    assert "tok-en-1" in secrets_of_header("Bearer tok-en-1")
    assert {"user:password", "password"} <= secrets_of_header("Basic " + base64.b64encode(b"user:password").decode())
    assert secrets_of_header("Basic !") == {"Basic !", "!"}
