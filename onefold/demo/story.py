"""What the demo ends with: one person, the latest segment changes, CDNOW by SQL, and how to go on."""

from pathlib import Path

import msgspec
from rich.text import Text

from embedded.layout import Ports
from embedded.preflight import flag
from embedded.running import Addresses
from embedded.terminal import Terminal
from onefold.demo.visitors import Tablet
from onefold.printing import print_fields, print_table
from runtime.loopback import LOOPBACK
from warehouse.client import look_ups
from warehouse.queries import demo
from warehouse.queries.demo import CdnowTotals, IdentifierOwner

WORKSPACE = "main"

CDNOW_EXPECTED = CdnowTotals(69_659, 23_570, 167_881, 2_500_315.63, "1997-01-01", "1998-06-30")

_ONEFOLD = ".venv/bin/onefold"
_PRODUCTS = (
    "SELECT text(product.name) AS product, sum(num(product.price)) AS revenue FROM events"
    " ARRAY JOIN items(properties.products) AS product WHERE event = 'Order Completed' GROUP BY product"
)
_HELLO = '\'{"userId": "me", "event": "Hello", "properties": {"from": "curl"}}\''


def family_of(addresses: Addresses, tablet: Tablet) -> list[IdentifierOwner]:
    """Find whose the tablet and the two who share it are; nothing before both have signed in on it."""
    warehouse = look_ups(addresses.clickhouse)
    if demo.users_of_device(warehouse, WORKSPACE, tablet.device) < len(tablet.family):
        return []
    first, second = (visitor.user_id for visitor in tablet.family)
    return demo.owners_of(warehouse, WORKSPACE, tablet.device, first, second)


def show_results(console: Terminal, addresses: Addresses, tablet: Tablet) -> None:
    """Print what there is to look at."""
    _person(console, addresses)
    _family(console, addresses, tablet)
    _happenings(console, addresses)
    _rfm(console, addresses)


def show_next_steps(console: Terminal, addresses: Addresses, data_dir: Path) -> None:
    """Print how to go on with this stack while it is up."""
    console.print("\n[bold]Go on, in another terminal[/bold] (the stack stays up until Ctrl-C)", markup=True)
    here = f" --data-dir {data_dir}"
    _show_commands(
        console,
        f"{_ONEFOLD} profile{here} user_id:shop-7-000",
        f"{_ONEFOLD} explain identity{here} anonymous_id:shop-7-family-tablet",
        f'{_ONEFOLD} sql{here} "SELECT segment, count() FROM onefold.segment_members GROUP BY 1"',
        f'{_ONEFOLD} sql{here} "{_PRODUCTS}"',
        f"curl {addresses.api}/v1/profiles/user_id:shop-7-000",
        f"curl -u dev: {addresses.http}/v1/track -d {_HELLO}",
        f"curl {addresses.clickhouse} -d 'SELECT count() FROM onefold.events'",
        f"curl {addresses.worker_metrics}",
    )


def show_own_start(console: Terminal, ports: Ports) -> None:
    """Print how to go on with a stack that is kept, on the ports that this one had."""
    console.print("\n[bold]Go on[/bold] with a stack of your own (the demo's data is removed):", markup=True)
    _show_commands(
        console,
        f"{_ONEFOLD} up{_port_options(ports)}    # and in another terminal:",
        f"curl -u dev: http://{LOOPBACK}:{ports.http}/v1/track -d {_HELLO}",
        f"{_ONEFOLD} profile user_id:me",
        f"{_ONEFOLD} import cdnow && {_ONEFOLD} drain",
        f'{_ONEFOLD} sql "SELECT workspace, count() FROM events GROUP BY 1"',
    )


def _show_commands(console: Terminal, *commands: str) -> None:
    for command in commands:
        console.print(f"  {command}", soft_wrap=True)


def _port_options(ports: Ports) -> str:
    """Return the options of `onefold up` for every port that is not the default."""
    chosen: dict[str, int] = msgspec.structs.asdict(ports)
    defaults = msgspec.structs.asdict(Ports())
    return "".join(f" {flag(name)} {port}" for name, port in chosen.items() if port != defaults[name])


def _person(console: Terminal, addresses: Addresses) -> None:
    person = demo.richest_person(look_ups(addresses.clickhouse), WORKSPACE)
    if person is None:
        return
    _print_title(console, "One person, assembled from several devices")
    fields = (
        ("profile", person.profile_id),
        ("identifiers", ", ".join(person.identifiers)),
        ("traits", person.traits),
        ("events", str(person.events)),
        ("segments", ", ".join(person.segments) or "none now"),
        ("seen", f"{person.first} to {person.last}"),
    )
    print_fields(fields, indent="  ", console=console)


def _family(console: Terminal, addresses: Addresses, tablet: Tablet) -> None:
    rows = [
        (owner.identifier, owner.profile_id, str(owner.events), ", ".join(owner.identifiers))
        for owner in family_of(addresses, tablet)
    ]
    if rows:
        _print_title(console, "A family tablet: two persons signed in on it, and stay two")
        columns = ("who", "profile", "events", "identifiers")
        print_table(columns, rows, numbers=("events",), wrapped="identifiers", console=console)


def _happenings(console: Terminal, addresses: Addresses) -> None:
    _print_title(console, "Entries, exits and triggers of the last minute")
    columns = ("at (UTC)", "segment or trigger", "what", "who", "because of")
    print_table(columns, demo.latest_happenings(look_ups(addresses.clickhouse), WORKSPACE), console=console)


def _rfm(console: Terminal, addresses: Addresses) -> None:
    _print_title(console, "CDNOW: customers by orders and days since the last one, by SQL over onefold.events")
    numbers = ("<= 90 days", "91 to 270", "> 270", "customers", "mean spent $")
    rows = demo.cdnow_customers(look_ups(addresses.clickhouse))
    print_table(("orders", *numbers), rows, numbers=numbers, console=console)


def _print_title(console: Terminal, title: str) -> None:
    console.print(Text(f"\n{title}", style="bold"), soft_wrap=True)
