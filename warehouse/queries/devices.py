"""Finds devices: who signed in on them, since when, whether they are shared, and to whom their events belong."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from identity.rules import MAX_VALUE_LENGTH, IdentityRules
from schemas.records import Identifier
from warehouse.client import Warehouse
from warehouse.queries.links import Links
from warehouse.queries.rows import converted
from warehouse.queries.values import IN_IDENTIFIERS, identifier_lists, text_list

DEVICES_SHOWN = 100
PERSONS_SHOWN = 1_000  # of one device
OWNERS_SHOWN = 20

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
       arraySlice(arraySort(person -> (person.3, person.2), groupArray(
           (toString(tupleElement(person, 1)), tupleElement(person, 2), since, status, reason)
       )), 1, {most:UInt32}) AS persons
FROM signed_in
WHERE {shared:UInt8} = 0 OR (namespace, value) IN (
    SELECT toString(identifiers[1].namespace) AS of, identifiers[1].value AS device_value
    FROM onefold.identity_changes
    WHERE workspace = {workspace:String} AND kind IN ('shared', 'unshared')
    GROUP BY of, device_value
    HAVING argMax(kind, decision) = 'shared'
)
GROUP BY device
ORDER BY latest DESC, namespace, value
LIMIT {limit:UInt32}
"""


# The latest owners of each device whose events are attributed to whoever signed in last.
_OWNERS = f"""
SELECT device_namespace, device_value, namespace, value, signed_in_at AS since
FROM onefold.device_owners
WHERE workspace = {{workspace:String}} AND (device_namespace, device_value) IN {IN_IDENTIFIERS}
ORDER BY signed_in_at DESC
LIMIT {{most:UInt32}} BY device_namespace, device_value
"""


class SignedInPerson(msgspec.Struct, frozen=True):
    """An identifier of a person who signed in on a device, first at `since`.

    `status`: active when that ties the two; else `reason` says why it does not.
    """

    namespace: str
    value: str
    profile_id: str | None
    since: str
    status: str
    reason: str


class DeviceOwner(msgspec.Struct, frozen=True):
    """To whom the events of a shared device belong from `since` on; the device itself if to no person."""

    namespace: str
    value: str
    since: str


class Device(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device and who signed in on it, the first first. `shared_since`: when the second person did, None before.

    `owners`: the latest first, where the rules attribute its events (`shared: last_login`).
    """

    namespace: str
    value: str
    profile_id: str | None
    shared: bool
    shared_since: str | None
    persons: tuple[SignedInPerson, ...]
    owners: tuple[DeviceOwner, ...] = ()


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


class _OwnerRow(msgspec.Struct):
    device_namespace: str
    device_value: str
    namespace: str
    value: str
    since: str


def find_devices(  # noqa: PLR0913 - what narrows the answer down
    warehouse: Warehouse,
    workspace: str,
    rules: IdentityRules,
    *,
    device: Identifier | None = None,
    shared: bool = False,
    limit: int = DEVICES_SHOWN,
) -> Devices | None:
    """Find all devices on which somebody signed in, or the one that is named; None when nobody has seen that.

    Raises ValueError for a name that is not a device's.
    """
    namespaces = {
        kind: [namespace.name for namespace in rules.namespaces if namespace.kind == kind]
        for kind in ("device", "person")
    }
    if device is not None and device.namespace not in namespaces["device"]:
        raise ValueError(f"{device.namespace!r} does not name devices; these do: {', '.join(namespaces['device'])}")
    if device is not None and len(device.value) > MAX_VALUE_LENGTH:
        return None
    parameters = {
        "workspace": workspace,
        "devices": text_list(namespaces["device"]),
        "persons": text_list(namespaces["person"]),
        "namespace": device.namespace if device else "",
        "value": device.value if device else "",
        "shared": str(int(shared)),
        "most": str(PERSONS_SHOWN),
        "limit": str(limit + 1),
    }
    rows = converted(warehouse.rows(_DEVICES, parameters), _DeviceRow)
    links = Links(warehouse, workspace)
    if device is not None and not rows:
        if device not in links.profile_ids([device]) and not links.of([device], 1):
            return None
        rows = [_DeviceRow(device.namespace, device.value, 0, ())]
    devices = _described(warehouse, workspace, rows[:limit], only_shared=shared)
    is_cut = len(rows) > limit or any(row.signed_in_persons > len(row.persons) for row in rows[:limit])
    return Devices(workspace, tuple(devices), is_cut)


def _described(
    warehouse: Warehouse, workspace: str, rows: Sequence[_DeviceRow], *, only_shared: bool
) -> Iterator[Device]:
    """Add to each device whose profile it has, and to each person."""
    links = Links(warehouse, workspace)
    names = [Identifier(row.namespace, row.value) for row in rows]
    persons = [Identifier(namespace, value) for row in rows for namespace, value, *_ in row.persons]
    profile_ids = links.profile_ids(dict.fromkeys([*names, *persons]))
    shared = links.shared(names)
    owners = _owners(warehouse, workspace, shared)
    for name, row in zip(names, rows, strict=True):
        sharing = shared.get(name)
        if only_shared and sharing is None:
            continue
        yield Device(
            namespace=name.namespace,
            value=name.value,
            profile_id=profile_ids.get(name),
            shared=sharing is not None,
            shared_since=sharing.since if sharing else None,
            persons=tuple(
                SignedInPerson(namespace, value, profile_ids.get(Identifier(namespace, value)), since, status, reason)
                for namespace, value, since, status, reason in row.persons
            ),
            owners=tuple(owners.get(name, ())),
        )


def _owners(warehouse: Warehouse, workspace: str, devices: Iterable[Identifier]) -> dict[Identifier, list[DeviceOwner]]:
    owners: dict[Identifier, list[DeviceOwner]] = {}
    for some in identifier_lists(devices):
        parameters = {"workspace": workspace, "identifiers": some, "most": str(OWNERS_SHOWN)}
        for row in converted(warehouse.rows(_OWNERS, parameters), _OwnerRow):
            device = Identifier(row.device_namespace, row.device_value)
            owners.setdefault(device, []).append(DeviceOwner(row.namespace, row.value, row.since))
    return owners
