"""Devices as entities: who signed in on them, since when, and whether they are shared."""

from collections.abc import Iterable

import msgspec

from identity.rules import MAX_VALUE_LENGTH, IdentityRules
from schemas.records import Identifier
from warehouse.queries.links import ENDS, Links, asked, listed, pairs

DEVICES_SHOWN = 100
PERSONS_SHOWN = 1_000  # of one device
HOLDERS_SHOWN = 20

# A person signed in on a device if that ties the two, or would have but for the persons who did so before.
# Without FINAL: what is there twice changes no aggregate.
_DEVICES = """
WITH
    JSONExtract({devices:String}, 'Array(String)') AS device_namespaces,
    JSONExtract({persons:String}, 'Array(String)') AS person_namespaces,
    decided AS (
        SELECT left_namespace, left_value, right_namespace, right_value, source, min(occurred_at) AS first_at,
               max(decision) AS latest, argMax(status, decision) AS now, argMax(reason, decision) AS why
        FROM onefold.link_log
        WHERE workspace = {workspace:String}
          AND (has(device_namespaces, left_namespace) AND has(person_namespaces, right_namespace)
            OR has(person_namespaces, left_namespace) AND has(device_namespaces, right_namespace))
          AND ({value:String} = ''
            OR (left_namespace = {namespace:String} AND left_value = {value:String})
            OR (right_namespace = {namespace:String} AND right_value = {value:String}))
        GROUP BY left_namespace, left_value, right_namespace, right_value, source
        HAVING now = 'active' OR why IN ('shared', 'first_owner')
    ),
    signed_in AS (
        SELECT if(has(device_namespaces, left_namespace), (left_namespace, left_value), (right_namespace, right_value))
                   AS device,
               if(has(device_namespaces, left_namespace), (right_namespace, right_value), (left_namespace, left_value))
                   AS person,
               min(first_at) AS since, max(latest) AS decision,
               if(countIf(now = 'active') > 0, 'active', argMax(now, latest)) AS status,
               if(countIf(now = 'active') > 0, '', argMax(why, latest)) AS reason
        FROM decided
        GROUP BY device, person
    )
SELECT toString(tupleElement(device, 1)) AS namespace, tupleElement(device, 2) AS value, max(decision) AS latest,
       count() AS signed_in_persons,
       arraySlice(arraySort(one -> (one.3, one.2), groupArray(
           (toString(tupleElement(person, 1)), tupleElement(person, 2), since, status, reason)
       )), 1, {most:UInt32}) AS persons
FROM signed_in
WHERE {shared:UInt8} = 0 OR (namespace, value) IN (
    SELECT toString(identifiers[1].namespace), identifiers[1].value FROM onefold.identity_changes
    WHERE workspace = {workspace:String} AND kind = 'shared'
)
GROUP BY device
ORDER BY latest DESC, namespace, value
LIMIT {limit:UInt32}
"""


# Of each device that is handed on, the latest owners.
_HOLDERS = f"""
SELECT device_namespace, device_value, namespace, value, formatDateTime(signed_in_at, '%Y-%m-%dT%H:%i:%SZ') AS since
FROM onefold.device_owners
WHERE workspace = {{workspace:String}} AND (device_namespace, device_value) IN {ENDS}
ORDER BY signed_in_at DESC
LIMIT {{most:UInt32}} BY device_namespace, device_value
"""


class Person(msgspec.Struct, frozen=True):
    """An identifier of a person who signed in on a device, first at `since`.

    `status`: active when that ties the two; else `reason` says why it does not.
    """

    namespace: str
    value: str
    profile_id: str | None
    since: str
    status: str
    reason: str


class Owner(msgspec.Struct, frozen=True):
    """Whose the events of a device are that is handed on: from `since` to the next one's; the device, if nobody's."""

    namespace: str
    value: str
    since: str


class Device(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device and who signed in on it, the first first. `shared_since`: when the second person did, None before.

    `owners`: of one that is handed on (`shared: last_login`), the latest first.
    """

    namespace: str
    value: str
    profile_id: str | None
    shared: bool
    shared_since: str | None
    persons: tuple[Person, ...]
    owners: tuple[Owner, ...] = ()


class Devices(msgspec.Struct, frozen=True):
    """Devices, those with the latest decisions first. `cut`: there are more devices, or more persons of one."""

    workspace: str
    devices: tuple[Device, ...]
    cut: bool


class _DeviceRow(msgspec.Struct):
    namespace: str
    value: str
    signed_in_persons: int
    persons: tuple[tuple[str, str, str, str, str], ...]


class _HolderRow(msgspec.Struct):
    device_namespace: str
    device_value: str
    namespace: str
    value: str
    since: str


def find_devices(  # noqa: PLR0913 - what narrows the answer down
    clickhouse_url: str,
    workspace: str,
    rules: IdentityRules,
    *,
    device: Identifier | None = None,
    shared: bool = False,
    limit: int = DEVICES_SHOWN,
) -> Devices | None:
    """All devices on which somebody signed in, or the one that is named; None when nobody has seen that.

    Raises LookupFailed; ValueError for a name that is not a device's.
    """
    kinds = {kind: [one.name for one in rules.namespaces if one.kind == kind] for kind in ("device", "person")}
    if device is not None and device.namespace not in kinds["device"]:
        raise ValueError(f"{device.namespace!r} does not name devices; these do: {', '.join(kinds['device'])}")
    if device is not None and len(device.value) > MAX_VALUE_LENGTH:
        return None
    bound = {
        "workspace": workspace,
        "devices": listed(kinds["device"]),
        "persons": listed(kinds["person"]),
        "namespace": device.namespace if device else "",
        "value": device.value if device else "",
        "shared": str(int(shared)),
        "most": str(PERSONS_SHOWN),
        "limit": str(limit + 1),
    }
    found = asked(clickhouse_url, _DEVICES, bound, _DeviceRow)
    links = Links(clickhouse_url, workspace)
    if device is not None and not found:
        if device not in links.profile_ids([device]) and not links.of([device], 1):
            return None
        found = [_DeviceRow(device.namespace, device.value, 0, ())]
    shown = found[:limit]
    names = [Identifier(row.namespace, row.value) for row in shown]
    profile_ids = links.profile_ids(
        dict.fromkeys([*names, *(Identifier(one[0], one[1]) for row in shown for one in row.persons)])
    )
    found_shared = links.shared(names)
    owners = _holders(clickhouse_url, workspace, found_shared)
    devices = []
    for name, row in zip(names, shown, strict=True):
        known = found_shared.get(name)
        if shared and known is None:
            continue
        persons = tuple(
            Person(namespace, value, profile_ids.get(Identifier(namespace, value)), since, status, reason)
            for namespace, value, since, status, reason in row.persons
        )
        devices.append(
            Device(
                name.namespace, name.value, profile_ids.get(name), known is not None,
                known.since if known else None, persons, tuple(owners.get(name, ())),
            )
        )  # fmt: skip
    is_cut = len(found) > limit or any(row.signed_in_persons > len(row.persons) for row in shown)
    return Devices(workspace, tuple(devices), is_cut)


def _holders(clickhouse_url: str, workspace: str, devices: Iterable[Identifier]) -> dict[Identifier, list[Owner]]:
    found: dict[Identifier, list[Owner]] = {}
    for ends in pairs(devices):
        bound = {"workspace": workspace, "ends": ends, "most": str(HOLDERS_SHOWN)}
        for row in asked(clickhouse_url, _HOLDERS, bound, _HolderRow):
            device = Identifier(row.device_namespace, row.device_value)
            found.setdefault(device, []).append(Owner(row.namespace, row.value, row.since))
    return found
