"""What is wrong with the options of a webhook is said before anything is sent, and repeats no secret."""

import pytest

from definitions.receivers.http import InnerStatus, ItemResults
from definitions.receivers.values import Secret
from definitions.receivers.webhook import KEYS, Webhook, problems

URL = "https://shop.example/hook"


def keys_of(options: Webhook) -> list[str]:
    return [problem.key for problem in problems(options)]


def test_what_is_right_has_no_problem() -> None:
    options = Webhook(URL, (Secret(env="S"),), {"X-Key": Secret(env="K"), "X-Tenant": "7", "Content-Type": "a/b"})
    assert keys_of(options) == []
    assert keys_of(Webhook(Secret(env="URL"))) == []
    assert keys_of(Webhook(URL, batch=2, results=ItemResults(InnerStatus("status")))) == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "ftp://shop.example",
        "https://me:secret@shop.example",
        "http://a b",
        "http://a\\@b",
        "http://a:b",
    ],
)
def test_an_address_that_is_none_is_said_without_repeating_it(url: str) -> None:
    (problem,) = problems(Webhook(url))
    assert problem.key == "url"
    assert "secret@" not in problem.message


@pytest.mark.parametrize(
    "headers", [{"Host": "a"}, {"webhook-signature": "v1,"}, {"a b": "c"}, {"X": "secret\r\nY: 1"}]
)
def test_a_header_that_cannot_be_sent_is_said_without_its_value(headers: dict[str, str | Secret]) -> None:
    (problem,) = problems(Webhook(URL, headers=headers))
    assert problem.key == "headers"
    assert "secret" not in problem.message


def test_results_of_a_single_delivery_are_a_contradiction() -> None:
    assert keys_of(Webhook(URL, results=ItemResults(InnerStatus("status")))) == ["results"]


def test_every_key_has_a_meaning() -> None:
    assert set(KEYS) == set(Webhook.__struct_fields__)
