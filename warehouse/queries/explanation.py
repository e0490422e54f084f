"""Explains why identifiers are one person: the evidence that ties them, what was not followed, what was decided when.

The active links are walked from the identifier, at most MAX_IDENTIFIERS far; the profile that the warehouse shows
is only a hint of where they lead.
"""

import json
from collections.abc import Collection, Iterable

import msgspec

from identity.rules import MAX_VALUE_LENGTH, IdentityRules
from schemas.records import Claimant, Identifier
from warehouse.client import Warehouse
from warehouse.queries.links import Links, SharedDevice, ShownLink
from warehouse.queries.profiles import members_of
from warehouse.queries.rows import converted
from warehouse.queries.values import HAS_IDENTIFIERS, identifier_lists, text_list

MAX_IDENTIFIERS = 2_000
MAX_LINKS = 20_000  # of one query
MAX_CHANGES = 1_000
MAX_PROFILES = 500  # whose decisions are queried; a person has one, but while a merge is on its way

# Without FINAL, as a change that is there twice is the same twice. Its columns are few, the table may be long. `until`:
# the last decision that counts of each profile; one that gave way may have become somebody else's since.
_CONCERNED = f"""
WITH JSONExtract({{profiles:String}}, 'Array(String)') AS profiles,
     JSONExtract({{until:String}}, 'Array(Int64)') AS until
SELECT DISTINCT decision, toString(kind) AS kind, request_id
FROM onefold.identity_changes
WHERE workspace = {{workspace:String}} AND ({HAS_IDENTIFIERS} OR (
    hasAny(profile_ids, profiles)
    AND arrayExists((profile, last) -> decision <= last AND has(profile_ids, profile), profiles, until)
))
ORDER BY decision DESC, kind, request_id
LIMIT {{limit:UInt32}}
"""
_GAVE_WAY = """
WITH JSONExtract({profiles:String}, 'Array(String)') AS profiles
SELECT DISTINCT decision, profile_id, arrayJoin(retired) AS retired_id
FROM onefold.identity_changes
WHERE workspace = {workspace:String} AND kind = 'merged' AND hasAny(profile_ids, profiles) AND has(profiles, profile_id)
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
_REBUILT_AFTER = ("unmerged", "shared", "unshared", "reattributed", "recounted")
_ALWAYS = 2**63 - 1


class ShownIdentifier(msgspec.Struct, frozen=True):
    """An identifier of the person. `kind` is None where the rules do not know its namespace (any more).

    `profile_id`: the profile that shows it now, None if none does; it differs from the others' while a merge or a
    rebuild is on its way.
    """

    namespace: str
    value: str
    kind: str | None
    profile_id: str | None
    shared: bool


class ShownChange(msgspec.Struct, frozen=True):
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
    identifiers: tuple[ShownIdentifier, ...]
    links: tuple[ShownLink, ...]
    refused: tuple[ShownLink, ...]
    retracted: tuple[ShownLink, ...]
    waiting: tuple[ShownLink, ...]
    shared: tuple[SharedDevice, ...]
    changes: tuple[ShownChange, ...]
    cut: bool


class _ConcernedRow(msgspec.Struct):
    decision: int
    kind: str
    request_id: str


class _GaveWayRow(msgspec.Struct):
    decision: int
    profile_id: str
    retired_id: str


_decode_claimants = msgspec.json.Decoder(tuple[Claimant, ...]).decode


def explain(
    warehouse: Warehouse, workspace: str, identifier: Identifier, rules: IdentityRules, most: int = MAX_IDENTIFIERS
) -> Explanation | None:
    """Explain one identifier, walking to at most `most`; None if nobody has it."""
    if len(identifier.value) > MAX_VALUE_LENGTH:
        return None
    links = Links(warehouse, workspace)
    own_id = links.profile_ids([identifier]).get(identifier)
    hints = [] if own_id is None else (members_of(warehouse, workspace, own_id) or [])[:most]
    reached, evidence, is_cut = _walk(links, identifier, hints, most)
    if own_id is None and not evidence:
        return None
    component = sorted(reached, key=rules.rank)
    profile_ids = links.profile_ids(component)
    shared = links.shared(dict.fromkeys([*component, *(end for link in evidence for end in (link.left, link.right))]))
    shown = links.with_history(evidence, MAX_LINKS)
    by_status = {
        status: tuple(sorted((link for link in shown if link.status == status), key=_order))
        for status in ("active", "refused", "retracted", "waiting")
    }
    changes = _changes(warehouse, workspace, component, set(profile_ids.values()))
    return Explanation(
        workspace=workspace,
        identifier=identifier,
        profile_id=own_id,
        identifiers=tuple(
            ShownIdentifier(
                member.namespace, member.value, rules.kind(member), profile_ids.get(member), member in shared
            )
            for member in component
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
    links_by_pair: dict[tuple[Identifier, Identifier, str], ShownLink] = {}
    near: dict[Identifier, set[Identifier]] = {}
    queried: set[Identifier] = set()
    frontier = dict.fromkeys([start, *hints])
    is_cut = False
    while frontier:
        new = links.of(frontier, MAX_LINKS)
        is_cut = is_cut or len(new) >= MAX_LINKS
        queried.update(frontier)
        for link in new:
            links_by_pair[link.left, link.right, link.source] = link
            if link.status == "active":
                near.setdefault(link.left, set()).add(link.right)
                near.setdefault(link.right, set()).add(link.left)
        reached, is_beyond = _reached(start, near, most)
        frontier = dict.fromkeys(identifier for identifier in reached if identifier not in queried)
    evidence = [
        link
        for link in links_by_pair.values()
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
    for identifier in waves:
        for neighbour in sorted(near.get(identifier, ())):
            if neighbour in reached:
                continue
            if len(reached) == most:
                return reached, True
            reached[neighbour] = None
            waves.append(neighbour)
    return reached, False


def _changes(
    warehouse: Warehouse, workspace: str, component: Iterable[Identifier], profile_ids: Collection[str]
) -> list[ShownChange]:
    """The newest MAX_CHANGES + 1 decisions about the component or its profiles, and their rebuilds, in order.

    Its profiles are those of now and, up to their merge, those that gave way to them. A request that changed nothing
    has the number of the decision before it, which is about somebody else.
    """
    until = _profiles_until(warehouse, workspace, profile_ids)
    parameters = {
        "workspace": workspace,
        "profiles": text_list(until),
        "until": json.dumps(list(until.values())),
        "limit": str(MAX_CHANGES + 1),
    }
    concerned = {
        (row.decision, row.kind, row.request_id)
        for some in identifier_lists(component)
        for row in converted(warehouse.rows(_CONCERNED, {**parameters, "identifiers": some}), _ConcernedRow)
    }
    newest = sorted(concerned)[-MAX_CHANGES - 1 :]
    rebuilt = ((decision, "rebuilt", request_id) for decision, kind, request_id in newest if kind in _REBUILT_AFTER)
    wanted = {*newest, *rebuilt}
    numbers = json.dumps(sorted({decision for decision, _, _ in newest}))
    found = warehouse.rows(_CHANGES, {"workspace": workspace, "decisions": numbers}) if newest else []
    # A rebuild that was repeated is published again: the last one counts.
    rows = [row | {"claimants": _decode_claimants(str(row["claimants"] or "[]"))} for row in found]
    shown = {(change.decision, change.kind, change.request_id): change for change in converted(rows, ShownChange)}
    return [change for key, change in shown.items() if key in wanted]


def _profiles_until(warehouse: Warehouse, workspace: str, profile_ids: Collection[str]) -> dict[str, int]:
    """These profiles and those that gave way to them, each with the last decision that counts; MAX_PROFILES at most."""
    until = dict.fromkeys(sorted(profile_ids)[:MAX_PROFILES], _ALWAYS)
    frontier = list(until)
    while frontier:
        parameters = {"workspace": workspace, "profiles": text_list(frontier), "limit": str(MAX_PROFILES)}
        frontier = []
        for row in converted(warehouse.rows(_GAVE_WAY, parameters), _GaveWayRow):
            is_known = until.get(row.retired_id, 0) >= row.decision or row.decision > until[row.profile_id]
            if not is_known and (row.retired_id in until or len(until) < MAX_PROFILES):
                until[row.retired_id] = row.decision
                frontier.append(row.retired_id)
    return until


def _order(link: ShownLink) -> tuple[int, Identifier, Identifier, str]:
    return link.decision, link.left, link.right, link.source
