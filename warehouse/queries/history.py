"""What ClickHouse knows of who is who, read as it arrives: the history of what was seen together, and the present.

The history of a pair is where a source showed it first; its last place counts too, since evidence that was taken back
is asked about again. Events are in the order in which they were received, which is GRAPH's but for a few moments.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import click
import httpx

from identity.plan.replay import Observed, Present
from runtime.literal import literal
from schemas.records import Identifier, Link, LinkStatus
from settings import host_and_port
from warehouse.queries.replays import quoted
from warehouse.rowbinary import Reader, Truncated

CONNECT_TIMEOUT_S = 5.0
_PIECE_BYTES = 256 * 1024
_ASKED_AT_ONCE = 2_000  # identifiers of 512 characters at most
_PARAMETERS = {
    "wait_end_of_query": "1",  # an error comes as an error, not behind half of the rows
    "max_query_size": "8000000",
    "max_bytes_before_external_group_by": "1000000000",
    "max_bytes_before_external_sort": "1000000000",
}

_HISTORY = """
SELECT namespaces, values, source, seen.3 AS message_id, seen.4 AS at
FROM
(
    SELECT identifiers.namespace AS namespaces, identifiers.value AS values, source,
           min((received_at, bitNot(version), message_id, toUnixTimestamp64Milli(occurred_at))) AS first,
           max((received_at, bitNot(version), message_id, toUnixTimestamp64Milli(occurred_at))) AS last
    FROM onefold.events FINAL
    WHERE workspace = {workspace} AND length(identifiers.value) > 1
    GROUP BY namespaces, values, source
)
ARRAY JOIN arrayDistinct([first, last]) AS seen
ORDER BY seen
FORMAT RowBinary
"""
_LINKS = """
SELECT left_namespace, left_value, right_namespace, right_value, source, status, reason, message_id, rule_version,
       request_id, toUnixTimestamp64Milli(occurred_at), toInt64(decision)
FROM onefold.links FINAL
WHERE workspace = {workspace} AND (status = 'active' OR request_id != '')
ORDER BY decision, left_namespace, left_value, right_namespace, right_value, source
FORMAT RowBinary
"""
_SHARED = """
SELECT DISTINCT identifiers.namespace[1], identifiers.value[1] FROM onefold.identity_changes FINAL
WHERE workspace = {workspace} AND kind = 'shared'
FORMAT RowBinary
"""
_PROFILES = """
SELECT namespace, value, profile_id FROM onefold.identifiers FINAL
WHERE workspace = {workspace} AND (namespace, value) IN ({asked})
FORMAT RowBinary
"""
_COUNT = """
SELECT uniqExact(profile_id) FROM onefold.identifiers FINAL WHERE workspace = {workspace}
FORMAT RowBinary
"""


class History:
    """One workspace in one ClickHouse. Every question raises ClickException when it is not answered."""

    def __init__(self, url: str, workspace: str) -> None:
        self._place = host_and_port(url)
        self._workspace = quoted(workspace)
        self._client = httpx.Client(base_url=url, timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S))

    def observed(self) -> Iterator[Observed]:
        """What events showed together, in order."""
        with self._answer(_HISTORY) as reader:
            while not reader.is_at_end():
                identifiers = tuple(map(Identifier, reader.strings(), reader.strings()))
                yield Observed(identifiers, _text(reader), _text(reader), reader.int64())

    def present(self) -> Present:
        """Who is who now, and what operators have decided."""
        with self._answer(_LINKS) as links, self._answer(_SHARED) as shared:
            return Present.of(_links(links), _identifiers(shared))

    def profile_of(self, identifiers: Iterable[Identifier]) -> dict[Identifier, str]:
        """The profiles that have these identifiers; nobody has those that no event was sent under."""
        found = {}
        for part in _parts(sorted(identifiers)):
            asked = ", ".join(f"({quoted(one.namespace)}, {quoted(one.value)})" for one in part)
            with self._answer(_PROFILES, asked=asked) as reader:
                while not reader.is_at_end():
                    identifier = Identifier(_text(reader), _text(reader))
                    found[identifier] = _text(reader)
        return found

    def profiles(self) -> int:
        """How many profiles there are."""
        with self._answer(_COUNT) as reader:
            return reader.uint64()

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    @contextmanager
    def _answer(self, query: str, **fields: str) -> Iterator[Reader]:
        content = query.format(workspace=self._workspace, **fields).encode()
        try:
            with self._client.stream("POST", "/", params=_PARAMETERS, content=content) as answer:
                if answer.status_code != httpx.codes.OK:
                    text = " ".join(answer.read().decode(errors="replace").split())[:300]
                    raise click.ClickException(f"ClickHouse at {self._place}: {text}")
                yield Reader(answer.iter_bytes(_PIECE_BYTES))
        except httpx.ConnectError as error:
            message = f"no stack answers at {self._place}: 'onefold up' starts one (ClickHouse: {literal(error)})"
            raise click.ClickException(message) from error
        except httpx.HTTPError as error:
            raise click.ClickException(f"ClickHouse at {self._place}: {error!r}") from error
        except Truncated:
            raise click.ClickException(f"ClickHouse at {self._place} broke off its answer") from None


def _links(reader: Reader) -> Iterator[Link]:
    while not reader.is_at_end():
        left, right = Identifier(_text(reader), _text(reader)), Identifier(_text(reader), _text(reader))
        source, status, reason, message_id, rules, request_id = (_text(reader) for _ in range(6))
        at, decision = reader.int64(), reader.int64()
        yield Link(
            "", left, right, message_id, source, at, rules, decision, cast("LinkStatus", status), reason, request_id
        )


def _identifiers(reader: Reader) -> Iterator[Identifier]:
    while not reader.is_at_end():
        yield Identifier(_text(reader), _text(reader))


def _text(reader: Reader) -> str:
    return reader.string().decode(errors="replace")


def _parts(identifiers: Sequence[Identifier]) -> Iterator[Sequence[Identifier]]:
    for start in range(0, len(identifiers), _ASKED_AT_ONCE):
        yield identifiers[start : start + _ASKED_AT_ONCE]
