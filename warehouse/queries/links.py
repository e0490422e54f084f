"""Evidence as the look-ups show it: links with the events that showed them, who has an identifier, what is shared."""

import json
from collections.abc import Iterable, Iterator
from typing import TypeVar
from urllib.parse import quote

import msgspec

from schemas.records import Identifier
from warehouse.lookup import rows

_PARAMETER_BYTES = 30_000  # of one list in a URL, escaped; httpx takes queries of up to 64 KiB

Row = TypeVar("Row")

ENDS = """(
    SELECT tupleElement(pair, 1), tupleElement(pair, 2)
    FROM (SELECT arrayJoin(JSONExtract({ends:String}, 'Array(Tuple(String, String))')) AS pair)
)"""

_COLUMNS = (
    "left_namespace, left_value, right_namespace, right_value, status, reason, source, occurred_at, message_id,"
    " rule_version, decision, request_id"
)


def _of_ends(table: str) -> str:
    # One query for each end: the left one is found by the table's key.
    return " UNION DISTINCT ".join(
        f"""
    SELECT {_COLUMNS} FROM onefold.{table} FINAL
    WHERE workspace = {{workspace:String}} AND ({end}_namespace, {end}_value) IN {ENDS}"""
        for end in ("left", "right")
    )


def _with_events(links: str) -> str:
    return f"""
WITH found AS ({links})
SELECT found.*, nullIf(shown.type, '') AS type, shown.event AS event
FROM found
LEFT ANY JOIN (
    SELECT message_id, type, event FROM onefold.events FINAL
    WHERE workspace = {{workspace:String}} AND message_id IN (SELECT message_id FROM found)
) AS shown ON found.message_id = shown.message_id
"""


_LINKS = (
    f"{_with_events(_of_ends('links'))} ORDER BY found.status != 'active', found.decision DESC LIMIT {{limit:UInt32}}"
)
_LOG = f"SELECT * FROM ({_of_ends('link_log')}) ORDER BY decision DESC LIMIT {{limit:UInt32}}"
_WAITING = _with_events(
    f"SELECT {_COLUMNS} FROM onefold.links FINAL WHERE workspace = {{workspace:String}} AND status = 'waiting'"
    " ORDER BY decision, left_namespace, left_value, right_namespace, right_value, source LIMIT {limit:UInt32}"
)
_PROFILES = f"""
SELECT namespace, value, profile_id FROM onefold.identifiers FINAL
WHERE workspace = {{workspace:String}} AND (namespace, value) IN {ENDS}
"""
_SHARED = f"""
SELECT identifiers[1].namespace AS namespace, identifiers[1].value AS value, min(decision) AS first,
       argMin(occurred_at, decision) AS since
FROM onefold.identity_changes
WHERE workspace = {{workspace:String}} AND kind = 'shared'
  AND (toString(identifiers[1].namespace), identifiers[1].value) IN {ENDS}
GROUP BY namespace, value
"""


class Earlier(msgspec.Struct, frozen=True):
    """What was decided of a link before, newest last."""

    decision: int
    status: str
    reason: str
    message_id: str
    occurred_at: str
    rule_version: str
    request_id: str


class ShownLink(msgspec.Struct, frozen=True):
    """What one source has shown of two identifiers. `type` and `event`: of the event, None if it is not (yet) here."""

    left: Identifier
    right: Identifier
    status: str
    reason: str
    source: str
    occurred_at: str
    message_id: str
    type: str | None
    event: str | None
    rule_version: str
    decision: int
    request_id: str
    earlier: tuple[Earlier, ...] = ()


class SharedDevice(msgspec.Struct, frozen=True):
    """A device on which a second person signed in: `since` that event's time, by that decision."""

    namespace: str
    value: str
    since: str
    decision: int


class _LinkRow(msgspec.Struct):
    left_namespace: str
    left_value: str
    right_namespace: str
    right_value: str
    status: str
    reason: str
    source: str
    occurred_at: str
    message_id: str
    rule_version: str
    decision: int
    request_id: str
    type: str | None = None
    event: str | None = None

    def link(self, earlier: tuple[Earlier, ...] = ()) -> ShownLink:
        left = Identifier(self.left_namespace, self.left_value)
        right = Identifier(self.right_namespace, self.right_value)
        return ShownLink(
            left, right, self.status, self.reason, self.source, self.occurred_at, self.message_id, self.type,
            self.event, self.rule_version, self.decision, self.request_id, earlier,
        )  # fmt: skip

    def earlier(self) -> Earlier:
        return Earlier(
            self.decision, self.status, self.reason, self.message_id, self.occurred_at, self.rule_version,
            self.request_id,
        )  # fmt: skip


class _ProfileRow(msgspec.Struct):
    namespace: str
    value: str
    profile_id: str


class _SharedRow(msgspec.Struct):
    namespace: str
    value: str
    first: int
    since: str


class Links:
    """The evidence of one workspace. Every method raises LookupFailed."""

    def __init__(self, clickhouse_url: str, workspace: str) -> None:
        self._url = clickhouse_url
        self._workspace = workspace

    def of(self, identifiers: Iterable[Identifier], limit: int) -> list[ShownLink]:
        """Links with an end among the identifiers; a part of them may be cut at `limit`, the active ones last."""
        found: dict[tuple[Identifier, Identifier, str], ShownLink] = {}
        for ends in pairs(identifiers):
            for row in asked(self._url, _LINKS, self._bound(ends=ends, limit=str(limit)), _LinkRow):
                link = row.link()
                found[link.left, link.right, link.source] = link
        return list(found.values())

    def with_history(self, links: Iterable[ShownLink], limit: int) -> list[ShownLink]:
        """The links, each with what was decided of it before."""
        links = list(links)
        logged: dict[tuple[Identifier, Identifier, str], dict[int, Earlier]] = {}
        for ends in pairs(dict.fromkeys(link.left for link in links)):
            for row in asked(self._url, _LOG, self._bound(ends=ends, limit=str(limit)), _LinkRow):
                link = row.link()
                logged.setdefault((link.left, link.right, link.source), {})[row.decision] = row.earlier()
        return [
            msgspec.structs.replace(link, earlier=tuple(one for at, one in sorted(known.items()) if at < link.decision))
            for link in links
            for known in [logged.get((link.left, link.right, link.source), {})]
        ]

    def waiting(self, limit: int) -> list[ShownLink]:
        """Links that wait for a review, by decision."""
        found = [row.link() for row in asked(self._url, _WAITING, self._bound(limit=str(limit)), _LinkRow)]
        return sorted(found, key=lambda link: (link.decision, link.left, link.right, link.source))

    def profile_ids(self, identifiers: Iterable[Identifier]) -> dict[Identifier, str]:
        """The profile that each identifier belongs to now; those that no profile has claimed are missing."""
        return {
            Identifier(row.namespace, row.value): row.profile_id
            for ends in pairs(identifiers)
            for row in asked(self._url, _PROFILES, self._bound(ends=ends), _ProfileRow)
        }

    def shared(self, identifiers: Iterable[Identifier]) -> dict[Identifier, SharedDevice]:
        """The shared devices among the identifiers."""
        return {
            Identifier(row.namespace, row.value): SharedDevice(row.namespace, row.value, row.since, row.first)
            for ends in pairs(identifiers)
            for row in asked(self._url, _SHARED, self._bound(ends=ends), _SharedRow)
        }

    def _bound(self, **more: str) -> dict[str, str]:
        return {"workspace": self._workspace, **more}


def asked(url: str, query: str, parameters: dict[str, str], kind: type[Row]) -> list[Row]:
    """The rows of an answer as `kind`. Raises LookupFailed."""
    return msgspec.convert(rows(url, query, parameters), list[kind])  # type: ignore[valid-type]


def listed(values: Iterable[str]) -> str:
    """Texts as one parameter, for `JSONExtract({name:String}, 'Array(String)')`."""
    return json.dumps(list(values), ensure_ascii=False)


def pairs(identifiers: Iterable[Identifier]) -> Iterator[str]:
    """Identifiers as parameters, each of which fits in a URL; `ENDS` reads them."""
    part: list[str] = []
    size = 0
    for identifier in identifiers:
        text = json.dumps([identifier.namespace, identifier.value], ensure_ascii=False)
        text_size = len(quote(text.replace("\\", "\\\\"))) + len("%2C")
        if part and size + text_size > _PARAMETER_BYTES:
            yield f"[{','.join(part)}]"
            part, size = [], 0
        part.append(text)
        size += text_size
    if part:
        yield f"[{','.join(part)}]"
