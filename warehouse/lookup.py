"""Questions to ClickHouse by the API and the command line, with ClickHouse's own parameters. Which, is the askers'."""

from functools import cache

import httpx
import msgspec

from settings import host_and_port

TIMEOUT_S = 10.0

JsonObject = dict[str, object]

_FORMAT = {
    "default_format": "JSON",
    "output_format_json_quote_64bit_integers": "0",
    "date_time_output_format": "iso",
}


class LookupFailed(Exception):
    """ClickHouse did not answer; the message says what it said."""


def rows(url: str, query: str, parameters: dict[str, str]) -> list[JsonObject]:
    """The rows of a query with parameters as in `{name:String}`, times in ISO 8601. Raises LookupFailed."""
    bound = {f"param_{name}": _escaped(value) for name, value in parameters.items()}
    try:
        answer = _client(url).post("/", params=_FORMAT | bound, content=query.encode())
    except httpx.InvalidURL as error:
        raise LookupFailed(f"the question is too long: {error}") from error
    except httpx.HTTPError as error:
        raise LookupFailed(f"ClickHouse at {host_and_port(url)} does not answer: {error}") from error
    if answer.status_code != httpx.codes.OK:
        raise LookupFailed(f"ClickHouse: {' '.join(answer.text.split())[:300]}")
    return msgspec.json.decode(answer.content, type=_Answer).data


class _Answer(msgspec.Struct):
    data: list[JsonObject]


def _escaped(value: str) -> str:
    """ClickHouse reads parameters as in its format TSV."""
    return (
        value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r").replace("\0", "\\0")
    )


@cache
def _client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=TIMEOUT_S)
