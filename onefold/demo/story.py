"""What the demo ends with: one person, the latest segment changes, CDNOW by SQL, and how to go on."""

from rich.table import Table

from embedded.layout import Ports
from embedded.running import Addresses
from embedded.terminal import Terminal
from onefold.demo.figures import query
from onefold.demo.visitors import Tablet
from runtime.literal import literal
from runtime.loopback import LOOPBACK

CDNOW_TOTALS = """
SELECT count(), uniqExact(profile_id), sum(properties.quantity::Int64), round(sum(properties.total::Float64), 2),
       toDate(min(occurred_at)), toDate(max(occurred_at))
FROM onefold.events WHERE workspace = 'cdnow'"""
CDNOW_EXPECTED = [69_659, 23_570, 167_881, 2_500_315.63, "1997-01-01", "1998-06-30"]

RFM = """
WITH customers AS (
    SELECT profile_id,
           dateDiff('day', max(occurred_at), toDateTime64('1998-06-30 00:00:00', 3, 'UTC')) AS recency,
           count() AS frequency, sum(properties.total::Float64) AS monetary
    FROM onefold.events WHERE workspace = 'cdnow' GROUP BY profile_id)
SELECT multiIf(frequency >= 10, '10 orders and more', frequency >= 4, '4 to 9 orders', frequency >= 2, '2 or 3 orders', '1 order'),
       countIf(recency <= 90), countIf(recency > 90 AND recency <= 270), countIf(recency > 270),
       count(), round(avg(monetary), 2)
FROM customers GROUP BY 1 ORDER BY min(frequency) DESC"""  # noqa: E501 - SQL reads better unbroken

_RICHEST = """
SELECT profile_id FROM onefold.profiles FINAL WHERE workspace = 'main'
ORDER BY length(identifiers) DESC, events DESC, profile_id LIMIT 1"""
_PERSON = """
SELECT arrayMap(i -> concat(i.1, ':', i.2), identifiers), toString(traits), events,
       arrayMap(s -> s.1, segments), toString(toDateTime(first_seen_at)), toString(toDateTime(last_seen_at))
FROM onefold.profiles FINAL WHERE workspace = 'main' AND profile_id = {id:String}"""
_FAMILY = """
SELECT concat(owned.namespace, ':', owned.value), profile_id, events,
       arrayStringConcat(arrayMap(i -> concat(i.1, ':', i.2), identifiers), '\n')
FROM onefold.profiles FINAL
JOIN (
    SELECT namespace, value, profile_id FROM onefold.identifiers FINAL WHERE workspace = 'main'
) AS owned USING profile_id
WHERE workspace = 'main' AND (owned.namespace, owned.value) IN (
    ('anonymous_id', {tablet:String}), ('user_id', {one:String}), ('user_id', {other:String}))
ORDER BY owned.namespace = 'anonymous_id', owned.value"""
_SIGNED_IN = """
SELECT uniqExact(left_value) FROM onefold.links FINAL
WHERE workspace = 'main' AND left_namespace = 'user_id' AND right_value = {tablet:String}"""
_CHANGES = """
SELECT formatDateTime(changed_at, '%H:%i:%S'), segment, change, concat(identifiers[1].1, ':', identifiers[1].2),
       if(cause IN ('deadline', 'merge', 'definition', 'rebuild'), cause, 'an event')
FROM onefold.segment_changes FINAL WHERE workspace = 'main' AND changed_at > now64(3) - INTERVAL 1 MINUTE
ORDER BY changed_at DESC LIMIT 12"""

_HELLO = '\'{"userId": "me", "event": "Hello", "properties": {"from": "curl"}}\''


def cdnow_matches(addresses: Addresses) -> list[object]:
    """CDNOW's figures by SQL: events, profiles, CDs, dollars, first and last day."""
    row = query(addresses.clickhouse, CDNOW_TOTALS)[0]
    return [*(int(str(value)) for value in row[:3]), float(str(row[3])), *row[4:]]


def persons_of(addresses: Addresses, tablet: Tablet) -> list[list[object]]:
    """The tablet and the two who share it: identifier, profile id, events and identifiers of the profile.

    Nothing before both have signed in on it.
    """
    signed_in = query(addresses.clickhouse, _SIGNED_IN, tablet=tablet.device)[0][0]
    if int(str(signed_in)) < len(tablet.family):
        return []
    one, other = (visitor.user_id for visitor in tablet.family)
    return query(addresses.clickhouse, _FAMILY, tablet=tablet.device, one=one, other=other)


def tell(console: Terminal, addresses: Addresses, tablet: Tablet) -> None:
    """Print what there is to look at."""
    _person(console, addresses)
    _family(console, addresses, tablet)
    _changes(console, addresses)
    _rfm(console, addresses)


def ways_on(console: Terminal, addresses: Addresses, data_dir: str, stays_up: bool) -> None:
    """Print how to go on: with this stack while it is up (commands get `data_dir`), else with one that is kept."""
    onefold = ".venv/bin/onefold"
    if stays_up:
        console.print("\n[bold]Go on, in another terminal[/bold] (the stack stays up until Ctrl-C)", markup=True)
        here = f" --data-dir {data_dir}"
        lines: tuple[str, ...] = (
            f"{onefold} profile{here} user_id:shop-7-000",
            f"{onefold} explain identity{here} anonymous_id:shop-7-family-tablet",
            f'{onefold} sql{here} "SELECT segment, count() FROM onefold.segment_members GROUP BY 1"',
            f"curl {addresses.api}/v1/profiles/user_id:shop-7-000",
            f"curl -u dev: {addresses.http}/v1/track -d {_HELLO}",
            f"curl {addresses.clickhouse} -d 'SELECT count() FROM onefold.events'",
            f"curl {addresses.worker_metrics}",
        )
    else:
        console.print("\n[bold]Go on[/bold] with a stack of your own (the demo's data is removed):", markup=True)
        lines = (
            f"{onefold} up    # and in another terminal:",
            f"curl -u dev: http://{LOOPBACK}:{Ports().http}/v1/track -d {_HELLO}",
            f"{onefold} profile user_id:me",
            f"{onefold} import cdnow && {onefold} drain",
            f'{onefold} sql "SELECT workspace, count() FROM events GROUP BY 1"',
        )
    for line in lines:
        console.print(f"  {line}", soft_wrap=True)


def _person(console: Terminal, addresses: Addresses) -> None:
    richest = query(addresses.clickhouse, _RICHEST)
    if not richest:
        return
    profile_id = str(richest[0][0])
    identifiers, traits, events, segments, first, last = query(addresses.clickhouse, _PERSON, id=profile_id)[0]
    table = _table("what", "value", title="One person, assembled from several devices", show_header=False)
    table.add_row("profile", profile_id)
    table.add_row("identifiers", "\n".join(map(literal, identifiers if isinstance(identifiers, list) else [])))
    table.add_row("traits", literal(traits))
    table.add_row("events", str(events))
    table.add_row("segments", ", ".join(map(literal, segments if isinstance(segments, list) else [])) or "none now")
    table.add_row("seen", f"{first} to {last} UTC")
    console.print(table)


def _family(console: Terminal, addresses: Addresses, tablet: Tablet) -> None:
    columns = ("who", "profile", "events", "identifiers")
    table = _table(*columns, title="A family tablet: two persons signed in on it, and stay two")
    for row in persons_of(addresses, tablet):
        table.add_row(*map(str, row))
    if table.row_count:
        console.print(table)


def _changes(console: Terminal, addresses: Addresses) -> None:
    table = _table("at (UTC)", "segment", "change", "who", "because of", title="Segment changes of the last minute")
    for row in query(addresses.clickhouse, _CHANGES):
        table.add_row(*map(literal, row))
    console.print(table)


def _rfm(console: Terminal, addresses: Addresses) -> None:
    columns = ("frequency", "last order <= 90 days ago", "91 to 270", "> 270", "customers", "mean spent $")
    table = _table(*columns, title="CDNOW: recency, frequency, monetary value, by SQL over onefold.events")
    for row in query(addresses.clickhouse, RFM):
        table.add_row(*map(literal, row))
    console.print(table)


def _table(*columns: str, title: str, show_header: bool = True) -> Table:
    """A table that loses nothing on a narrow terminal: long cells go on in the next line."""
    table = Table(title=title, show_header=show_header, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
