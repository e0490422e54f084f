"""What may be shown of an address: never its user and password."""

import pytest

from settings import host_and_port, with_credentials, without_credentials


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8123", "http://127.0.0.1:8123"),
        ("http://default:sekret@127.0.0.1:8123/ping", "http://127.0.0.1:8123/ping"),
        ("https://sekret@db.example.com/a?b=c#d", "https://db.example.com/a?b=c#d"),
        ("http://u:p@sekret@[::1]:8123", "http://[::1]:8123"),
        ("http://u:sekret@[::1", "[::1"),
    ],
)
def test_an_address_is_shown_without_its_credentials(url: str, shown: str) -> None:
    assert without_credentials(url) == shown
    assert "sekret" not in host_and_port(url)


def test_credentials_replace_those_that_are_there() -> None:
    assert with_credentials("http://old:older@host:1/x", "default", "pw") == "http://default:pw@host:1/x"
