"""Asking ClickHouse with bound parameters, and the identifiers and times that every look-up speaks of.

What is asked is left to the look-ups, who may ask to `answers`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TypeVar
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from schemas.records import Identifier

TIMEOUT_S = 10.0
_PARAMETER_BYTES = 200_000  # of one list in a URL; ClickHouse takes URLs of up to 1 MiB

JsonObject = dict[str, object]
Row = TypeVar("Row")

_FORMAT = {
    "default_format": "JSON",
    "output_format_json_quote_64bit_integers": "0",
    "date_time_output_format": "iso",
}


class LookupFailed(Exception):
    """ClickHouse did not answer the look-up; the message says what it said."""


class _Answer(msgspec.Struct):
    data: msgspec.Raw


def read_identifier(text: str) -> Identifier:
    """`namespace:value`, where the value may hold colons itself. Raises ValueError that says what is expected."""
    namespace, separator, value = text.partition(":")
    if not (namespace and separator and value):
        raise ValueError(f"expected NAMESPACE:VALUE such as user_id:42, not {text!r}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} is not valid Unicode") from None
    return Identifier(namespace, value)


def rows(url: str, query: str, parameters: Mapping[str, str], kind: type[Row]) -> list[Row]:
    """The rows of an answer as `kind`; times are text in ISO 8601. Raises LookupFailed."""
    bound = {f"param_{name}": _escaped(value) for name, value in parameters.items()}
    try:
        answer = _client(url).post("/", params=_FORMAT | bound, content=query.encode())
    except httpx.HTTPError as error:
        raise LookupFailed(
            f"ClickHouse at {urlsplit(url).netloc.rpartition('@')[2]} does not answer: {error}"
        ) from error
    if answer.status_code != httpx.codes.OK:
        raise LookupFailed(f"ClickHouse: {' '.join(answer.text.split())[:300]}")
    found = msgspec.json.decode(answer.content, type=_Answer).data
    return msgspec.json.decode(found, type=list[kind])  # type: ignore[valid-type]


def listed(values: Iterable[str]) -> str:
    """Texts as one parameter, for `JSONExtract({name:String}, 'Array(String)')`."""
    return json.dumps(list(values), ensure_ascii=False)


def pairs(identifiers: Iterable[Identifier]) -> Iterator[str]:
    """Identifiers as parameters, each of which fits in a URL, for `JSONExtract(..., 'Array(Tuple(String, String))')`."""
    part: list[str] = []
    size = 0
    for identifier in identifiers:
        text = json.dumps([identifier.namespace, identifier.value], ensure_ascii=False)
        if part and size + len(quote(text)) > _PARAMETER_BYTES:
            yield f"[{','.join(part)}]"
            part, size = [], 0
        part.append(text)
        size += len(quote(text))
    if part:
        yield f"[{','.join(part)}]"


def _escaped(value: str) -> str:
    """ClickHouse reads parameters as in its format TSV."""
    return (
        value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r").replace("\0", "\\0")
    )


@cache
def _client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=TIMEOUT_S)
