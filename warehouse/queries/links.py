"""Finds evidence: links with the events that showed them, who has an identifier, which devices are shared."""

from collections.abc import Iterable

import msgspec

from schemas.records import Identifier, Pair
from warehouse.client import Warehouse
from warehouse.queries.rows import Row, converted
from warehouse.queries.values import HAS_IDENTIFIERS, IN_IDENTIFIERS, identifier_lists

_COLUMNS = (
    "left_namespace, left_value, right_namespace, right_value, status, reason, source, occurred_at, message_id,"
    " rule_version, decision, request_id"
)


def _of_ends(table: str) -> str:
    # One query for each end: the left one is found by the table's key.
    return " UNION DISTINCT ".join(
        f"""
    SELECT {_COLUMNS} FROM onefold.{table} FINAL
    WHERE workspace = {{workspace:String}} AND ({end}_namespace, {end}_value) IN {IN_IDENTIFIERS}"""
        for end in ("left", "right")
    )


def _with_events(links: str) -> str:
    return f"""
WITH link AS ({links})
SELECT link.*, nullIf(shown.type, '') AS type, shown.event AS event
FROM link
LEFT ANY JOIN (
    SELECT source, message_id, type, event FROM onefold.raw_events
    WHERE workspace = {{workspace:String}} AND message_id IN (SELECT message_id FROM link)
      AND occurred_at IN (SELECT occurred_at FROM link)
    SETTINGS final = 0
) AS shown ON link.source = shown.source AND link.message_id = shown.message_id
"""


_LINKS = (
    f"{_with_events(_of_ends('links'))} ORDER BY link.status != 'active', link.decision DESC LIMIT {{limit:UInt32}}"
)
_LOG = f"SELECT * FROM ({_of_ends('link_log')}) ORDER BY decision DESC LIMIT {{limit:UInt32}}"
_WAITING = _with_events(
    f"SELECT {_COLUMNS} FROM onefold.links FINAL WHERE workspace = {{workspace:String}} AND status = 'waiting'"
    " ORDER BY decision, left_namespace, left_value, right_namespace, right_value, source LIMIT {limit:UInt32}"
)
_PROFILES = f"""
SELECT namespace, value, profile_id FROM onefold.identifiers FINAL
WHERE workspace = {{workspace:String}} AND (namespace, value) IN {IN_IDENTIFIERS}
"""
# A device that was unshared may have been found shared anew.
_SHARED = f"""
SELECT namespace, value, min(decision) AS first, argMin(occurred_at, decision) AS since
FROM (
    SELECT toString(identifiers[1].namespace) AS namespace, identifiers[1].value AS value, kind, decision, occurred_at,
           maxIf(decision, kind = 'unshared') OVER (PARTITION BY namespace, value) AS unshared
    FROM onefold.identity_changes
    WHERE workspace = {{workspace:String}} AND kind IN ('shared', 'unshared')
      AND {HAS_IDENTIFIERS} AND (toString(identifiers[1].namespace), identifiers[1].value) IN {IN_IDENTIFIERS}
)
WHERE kind = 'shared' AND decision > unshared
GROUP BY namespace, value
"""


_PAIRS = """
SELECT left_namespace, left_value, right_namespace, right_value FROM onefold.links FINAL
WHERE workspace = {workspace:String} AND status = {status:String}
  AND ({source:String} = '' OR source = {source:String}) AND occurred_at >= fromUnixTimestamp64Milli({since:Int64})
ORDER BY left_namespace, left_value, right_namespace, right_value
"""


class EarlierDecision(msgspec.Struct, frozen=True):
    """A decision about a link before its last one."""

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
    earlier: tuple[EarlierDecision, ...] = ()


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

    def link(self, earlier: tuple[EarlierDecision, ...] = ()) -> ShownLink:
        left = Identifier(self.left_namespace, self.left_value)
        right = Identifier(self.right_namespace, self.right_value)
        return ShownLink(
            left, right, self.status, self.reason, self.source, self.occurred_at, self.message_id, self.type,
            self.event, self.rule_version, self.decision, self.request_id, earlier,
        )  # fmt: skip

    def earlier(self) -> EarlierDecision:
        return EarlierDecision(
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


class _PairRow(msgspec.Struct):
    left_namespace: str
    left_value: str
    right_namespace: str
    right_value: str


class Links:
    """The evidence of one workspace."""

    def __init__(self, warehouse: Warehouse, workspace: str) -> None:
        self._warehouse = warehouse
        self._workspace = workspace

    def of(self, identifiers: Iterable[Identifier], limit: int) -> list[ShownLink]:
        """Find the links with an end among the identifiers; each list of them is cut at `limit`, active ones last."""
        links: dict[tuple[Identifier, Identifier, str], ShownLink] = {}
        for some in identifier_lists(identifiers):
            for row in self._rows(_LINKS, _LinkRow, identifiers=some, limit=str(limit)):
                link = row.link()
                links[link.left, link.right, link.source] = link
        return list(links.values())

    def with_history(self, links: Iterable[ShownLink], limit: int) -> list[ShownLink]:
        """Add to each link what was decided of it before, newest last."""
        links = list(links)
        logged: dict[tuple[Identifier, Identifier, str], dict[int, EarlierDecision]] = {}
        for some in identifier_lists(dict.fromkeys(link.left for link in links)):
            for row in self._rows(_LOG, _LinkRow, identifiers=some, limit=str(limit)):
                link = row.link()
                logged.setdefault((link.left, link.right, link.source), {})[row.decision] = row.earlier()
        return [
            msgspec.structs.replace(
                link, earlier=tuple(past for number, past in sorted(decisions.items()) if number < link.decision)
            )
            for link in links
            for decisions in [logged.get((link.left, link.right, link.source), {})]
        ]

    def waiting(self, limit: int) -> list[ShownLink]:
        """Find the links that wait for a review, by decision."""
        links = [row.link() for row in self._rows(_WAITING, _LinkRow, limit=str(limit))]
        return sorted(links, key=lambda link: (link.decision, link.left, link.right, link.source))

    def pairs(self, status: str, source: str = "", since: int = 0) -> tuple[Pair, ...]:
        """Find the pairs whose links have a status, at events `since` (ms), shown by `source` if it is named."""
        rows = self._rows(_PAIRS, _PairRow, status=status, source=source, since=str(since))
        return tuple(
            Pair(
                Identifier(row.left_namespace, row.left_value), Identifier(row.right_namespace, row.right_value), source
            )
            for row in rows
        )

    def profile_ids(self, identifiers: Iterable[Identifier]) -> dict[Identifier, str]:
        """Find the profile that each identifier belongs to now; those that no profile has claimed are missing."""
        return {
            Identifier(row.namespace, row.value): row.profile_id
            for some in identifier_lists(identifiers)
            for row in self._rows(_PROFILES, _ProfileRow, identifiers=some)
        }

    def shared(self, identifiers: Iterable[Identifier]) -> dict[Identifier, SharedDevice]:
        """Find the shared devices among the identifiers."""
        return {
            Identifier(row.namespace, row.value): SharedDevice(row.namespace, row.value, row.since, row.first)
            for some in identifier_lists(identifiers)
            for row in self._rows(_SHARED, _SharedRow, identifiers=some)
        }

    def _rows(self, query: str, row: type[Row], **parameters: str) -> list[Row]:
        return converted(self._warehouse.rows(query, {"workspace": self._workspace, **parameters}), row)
