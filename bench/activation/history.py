"""A history inside of ClickHouse, of people whom PROFILE knows: as if it had come by the topics long ago."""

import uuid

from runtime.clock import now_ms
from warehouse.client import Warehouse

DAYS = 90
_PIECE = 1_000_000  # events of one insert
_NAMES = (
    "workspace, source, message_id, type, event, occurred_at, received_at, ordinal, profile_id, profile_kind,"
    " identifiers, properties_sent, definitions, version"
)
_ROWS = """
SELECT 'main', 'bench', concat('past-', toString(number)), 'track',
    ['Product Viewed', 'Product Viewed', 'Product Added', 'Article Read', 'Order Completed'][number % 7 % 5 + 1],
    fromUnixTimestamp64Milli({newest} - intDiv(number * {span}, {events}), 'UTC') AS occurred_at, occurred_at,
    toInt64(number), concat(substring(hash, 1, 8), '-', substring(hash, 9, 4), '-5', substring(hash, 14, 3), '-',
        substring('89ab', (position('0123456789abcdef', substring(hash, 17, 1)) - 1) % 4 + 1, 1),
        substring(hash, 18, 3), '-', substring(hash, 21, 12)), 'person',
    [('anonymous_id', device)], '{{"product_id":"kettle-2","price":49.9,"currency":"EUR"}}', 1,
    toUInt64(4611686018427387903 - number * 1024)
FROM (
    SELECT number, concat('device-', toString(cityHash64(number, 'person') % {people})) AS device,
        lower(hex(SHA1(concat(unhex('{namespace}'), 'anonymous_id:', device)))) AS hash
    FROM numbers({start}, {count})
)"""


def device_of(person: int) -> str:
    """Return the anonymous id of a person, by number."""
    return f"device-{person}"


def fill_past(warehouse: Warehouse, namespace: uuid.UUID, events: int, people: int) -> None:
    """Write events of 90 days, stamped with the first version of the definitions, each with its default profile."""
    newest = now_ms() - 600_000
    for start in range(0, events, _PIECE):
        rows = _ROWS.format(
            newest=newest,
            span=DAYS * 86_400_000,
            events=events,
            people=people,
            namespace=namespace.hex,
            start=start,
            count=min(_PIECE, events - start),
        )
        warehouse.run(f"INSERT INTO onefold.raw_events ({_NAMES}) {rows} SETTINGS max_partitions_per_insert_block = 0")
