"""Why identifiers are one person: the evidence that ties them, what was not followed, and what was decided when.

The active links are walked from the identifier, at most MAX_IDENTIFIERS far; the profile that the warehouse shows is
only a hint of where they lead.
"""

import json
from collections.abc import Collection, Iterable

import msgspec

from identity.rules import MAX_VALUE_LENGTH, IdentityRules
from schemas.records import Claimant, Identifier
from warehouse.queries.links import ENDS, Links, SharedDevice, ShownLink, asked, listed, pairs

MAX_IDENTIFIERS = 2_000
MAX_LINKS = 20_000  # of one query
MAX_CHANGES = 1_000
MAX_PROFILES = 500  # whose decisions are asked for; a person has one, but while a merge is on its way

_MEMBERS = """
SELECT identifiers FROM onefold.profiles FINAL
WHERE workspace = {workspace:String} AND profile_id = {profile_id:String}
"""
# Without FINAL, as a change that is there twice is the same twice. Its columns are few, the table may be long. `until`:
# the last decision that counts of each profile; one that gave way may have become somebody else's since.
_CONCERNED = f"""
WITH JSONExtract({{profiles:String}}, 'Array(String)') AS profiles,
     JSONExtract({{until:String}}, 'Array(Int64)') AS until
SELECT DISTINCT decision, toString(kind) AS kind, request_id
FROM (
    SELECT decision, kind, request_id FROM onefold.identity_changes ARRAY JOIN identifiers AS one
    WHERE workspace = {{workspace:String}} AND (toString(one.namespace), one.value) IN {ENDS}
    UNION ALL
    SELECT decision, kind, request_id FROM (
        SELECT decision, kind, request_id, arrayConcat([profile_id], retired, if(claimants IN ('', '[]'), [],
            arrayMap(claimant -> JSONExtractString(claimant, 'profile_id'), JSONExtractArrayRaw(claimants)))) AS about
        FROM onefold.identity_changes
        WHERE workspace = {{workspace:String}}
    )
    WHERE hasAny(profiles, about)
      AND arrayExists((one, last) -> decision <= last AND has(about, one), profiles, until)
)
ORDER BY decision DESC, kind, request_id
LIMIT {{limit:UInt32}}
"""
_GAVE_WAY = """
WITH JSONExtract({profiles:String}, 'Array(String)') AS profiles
SELECT DISTINCT decision, profile_id, arrayJoin(retired) AS retired_id
FROM onefold.identity_changes
WHERE workspace = {workspace:String} AND kind = 'merged' AND has(profiles, profile_id)
ORDER BY decision DESC
LIMIT {limit:UInt32}
"""
_CHANGES = """
SELECT decision, toString(kind) AS kind, reason, request_id, message_id, source, occurred_at, rule_version,
       identifiers, retired, profile_id, claimants, events, milliseconds
FROM onefold.identity_changes FINAL
WHERE workspace = {workspace:String}
  AND decision IN (SELECT arrayJoin(JSONExtract({decisions:String}, 'Array(Int64)')))
ORDER BY decision, kind = 'nothing', kind = 'rebuilt', partition, offset
"""
_REBUILT_AFTER = ("unmerged", "shared", "reattributed")
_ALWAYS = 2**63 - 1


class Member(msgspec.Struct, frozen=True):
    """An identifier of the person. `kind` is None where the rules do not know its namespace (any more).

    `profile_id`: the profile that shows it now, None if none does; it differs from the others' while a merge or a
    rebuild is on its way.
    """

    namespace: str
    value: str
    kind: str | None
    profile_id: str | None
    shared: bool


class Change(msgspec.Struct, frozen=True):
    """A decision about this person or one of these identifiers: the fields of `schemas/identity_change.avsc`."""

    decision: int
    kind: str
    reason: str
    request_id: str
    message_id: str
    source: str
    occurred_at: str
    rule_version: str
    identifiers: tuple[Identifier, ...]
    retired: tuple[str, ...]
    profile_id: str
    claimants: tuple[Claimant, ...]
    events: int
    milliseconds: int


class Explanation(msgspec.Struct, frozen=True):
    """Why an identifier is whose it is. Links and changes are in the order of their decisions, times in ISO 8601.

    `links` tie the `identifiers` to each other; `refused`, `retracted` and `waiting` have an end among them. `shared`:
    devices among all of these. `cut`: there is more than is shown.
    """

    workspace: str
    identifier: Identifier
    profile_id: str | None
    identifiers: tuple[Member, ...]
    links: tuple[ShownLink, ...]
    refused: tuple[ShownLink, ...]
    retracted: tuple[ShownLink, ...]
    waiting: tuple[ShownLink, ...]
    shared: tuple[SharedDevice, ...]
    changes: tuple[Change, ...]
    cut: bool


class _MemberRow(msgspec.Struct):
    identifiers: tuple[Identifier, ...]


class _ConcernedRow(msgspec.Struct):
    decision: int
    kind: str
    request_id: str


class _GaveWayRow(msgspec.Struct):
    decision: int
    profile_id: str
    retired_id: str


class _ChangeRow(msgspec.Struct):
    decision: int
    kind: str
    reason: str
    request_id: str
    message_id: str
    source: str
    occurred_at: str
    rule_version: str
    identifiers: tuple[Identifier, ...]
    retired: tuple[str, ...]
    profile_id: str
    claimants: str
    events: int
    milliseconds: int


_decode_claimants = msgspec.json.Decoder(tuple[Claimant, ...]).decode


def explain(
    clickhouse_url: str, workspace: str, identifier: Identifier, rules: IdentityRules, most: int = MAX_IDENTIFIERS
) -> Explanation | None:
    """Explain one identifier, walking to at most `most`; None if nobody has it. Raises LookupFailed."""
    if len(identifier.value) > MAX_VALUE_LENGTH:
        return None
    links = Links(clickhouse_url, workspace)
    own_id = links.profile_ids([identifier]).get(identifier)
    hints = [] if own_id is None else _members(clickhouse_url, workspace, own_id)[:most]
    reached, evidence, is_cut = _walk(links, identifier, hints, most)
    if own_id is None and not evidence:
        return None
    component = sorted(reached, key=rules.rank)
    profile_ids = links.profile_ids(component)
    shared = links.shared(dict.fromkeys([*component, *(end for link in evidence for end in (link.left, link.right))]))
    told = links.with_history(evidence, MAX_LINKS)
    by_status = {
        status: tuple(sorted((one for one in told if one.status == status), key=_order))
        for status in ("active", "refused", "retracted", "waiting")
    }
    changes = _changes(clickhouse_url, workspace, component, set(profile_ids.values()))
    return Explanation(
        workspace=workspace,
        identifier=identifier,
        profile_id=own_id,
        identifiers=tuple(
            Member(one.namespace, one.value, rules.kind(one), profile_ids.get(one), one in shared) for one in component
        ),
        links=by_status["active"],
        refused=by_status["refused"],
        retracted=by_status["retracted"],
        waiting=by_status["waiting"],
        shared=tuple(sorted(shared.values(), key=lambda device: device.decision)),
        changes=tuple(changes[-MAX_CHANGES:]),
        cut=is_cut or len(changes) > MAX_CHANGES,
    )


def _walk(
    links: Links, start: Identifier, hints: Iterable[Identifier], most: int
) -> tuple[set[Identifier], list[ShownLink], bool]:
    """What active links lead to, all links with an end there, and whether there is more."""
    known: dict[tuple[Identifier, Identifier, str], ShownLink] = {}
    near: dict[Identifier, set[Identifier]] = {}
    asked: set[Identifier] = set()
    to_ask = dict.fromkeys([start, *hints])
    is_cut = False
    while to_ask:
        found = links.of(to_ask, MAX_LINKS)
        is_cut = is_cut or len(found) >= MAX_LINKS
        asked.update(to_ask)
        for link in found:
            known[link.left, link.right, link.source] = link
            if link.status == "active":
                near.setdefault(link.left, set()).add(link.right)
                near.setdefault(link.right, set()).add(link.left)
        reached, is_beyond = _reached(start, near, most)
        to_ask = dict.fromkeys(one for one in reached if one not in asked)
    evidence = [
        link
        for link in known.values()
        if (link.left in reached and link.right in reached)
        or (link.status != "active" and (link.left in reached or link.right in reached))
    ]
    return set(reached), evidence, is_cut or is_beyond


def _reached(
    start: Identifier, near: dict[Identifier, set[Identifier]], most: int
) -> tuple[dict[Identifier, None], bool]:
    """What is tied to `start`, the nearest first, and whether it was cut."""
    reached = {start: None}
    waves = [start]
    for one in waves:
        for other in sorted(near.get(one, ())):
            if other in reached:
                continue
            if len(reached) == most:
                return reached, True
            reached[other] = None
            waves.append(other)
    return reached, False


def _members(url: str, workspace: str, profile_id: str) -> list[Identifier]:
    found = asked(url, _MEMBERS, {"workspace": workspace, "profile_id": profile_id}, _MemberRow)
    return [one for row in found for one in row.identifiers]


def _changes(url: str, workspace: str, component: Iterable[Identifier], profile_ids: Collection[str]) -> list[Change]:
    """The newest MAX_CHANGES + 1 decisions about the component or its profiles, and their rebuilds, in order.

    Its profiles are those of now and, up to their merge, those that gave way to them. A request that changed nothing
    has the number of the decision before it, which is somebody else's.
    """
    until = _profiles_until(url, workspace, profile_ids)
    bound = {
        "workspace": workspace,
        "profiles": listed(until),
        "until": json.dumps(list(until.values())),
        "limit": str(MAX_CHANGES + 1),
    }
    concerned = {
        (row.decision, row.kind, row.request_id)
        for ends in pairs(component)
        for row in asked(url, _CONCERNED, {**bound, "ends": ends}, _ConcernedRow)
    }
    newest = sorted(concerned)[-MAX_CHANGES - 1 :]
    rebuilt = ((decision, "rebuilt", request_id) for decision, kind, request_id in newest if kind in _REBUILT_AFTER)
    wanted = {*newest, *rebuilt}
    numbers = json.dumps(sorted({decision for decision, _, _ in newest}))
    rows = asked(url, _CHANGES, {"workspace": workspace, "decisions": numbers}, _ChangeRow) if newest else []
    # A rebuild that was repeated is told again: the last one counts.
    told = {key: row for row in rows if (key := (row.decision, row.kind, row.request_id)) in wanted}
    return [
        Change(**msgspec.structs.asdict(row) | {"claimants": _decode_claimants(row.claimants or "[]")})
        for row in told.values()
    ]


def _profiles_until(url: str, workspace: str, profile_ids: Collection[str]) -> dict[str, int]:
    """These profiles and those that gave way to them, each with the last decision that counts; MAX_PROFILES at most."""
    until = dict.fromkeys(sorted(profile_ids)[:MAX_PROFILES], _ALWAYS)
    to_ask = list(until)
    while to_ask:
        bound = {"workspace": workspace, "profiles": listed(to_ask), "limit": str(MAX_PROFILES)}
        to_ask = []
        for row in asked(url, _GAVE_WAY, bound, _GaveWayRow):
            is_known = until.get(row.retired_id, 0) >= row.decision or row.decision > until[row.profile_id]
            if not is_known and (row.retired_id in until or len(until) < MAX_PROFILES):
                until[row.retired_id] = row.decision
                to_ask.append(row.retired_id)
    return until


def _order(link: ShownLink) -> tuple[int, Identifier, Identifier, str]:
    return link.decision, link.left, link.right, link.source
