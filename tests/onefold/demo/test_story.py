"""What the demo ends with: nothing is cut on a narrow terminal, and what it advises works."""

import io
import re
from pathlib import Path

import pytest

from embedded.layout import Ports
from embedded.running import Addresses
from embedded.stack import Stack
from embedded.terminal import Terminal
from onefold.demo.story import show_next_steps, show_own_start, show_results
from onefold.demo.visitors import Tablet, Visitor
from schemas import topics
from schemas.records import Identifier
from tests.sinks.examples import ADAS, NOW, insert, placed, profile
from warehouse.client import Warehouse
from warehouse.migrate import migrate

ADDRESSES = Addresses(
    "kafka", "registry", "http://clickhouse", "http://collector", "http://api", "http://worker", "http://sink", "", ""
)


def narrow() -> Terminal:
    return Terminal(file=io.StringIO(), width=80)


def said(console: Terminal) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.stack
def test_a_narrow_terminal_shows_all_of_a_person_and_the_times_in_one_form(stack: Stack) -> None:
    warehouse = Warehouse(stack.addresses.clickhouse)
    migrate(warehouse)
    identifiers = tuple(Identifier("cookie", f"{number:04}" * 25) for number in range(40))
    person = profile(ADAS, 1, identifiers=identifiers, first_seen_at=NOW, last_seen_at=NOW)
    insert(warehouse, [placed(topics.PROFILES, person, 1)])
    warehouse.close()
    console = narrow()
    show_results(console, stack.addresses, Tablet(7, (Visitor(0, 7), Visitor(1, 7))))
    shown = re.sub(r"[^0-9a-z:. -]+", "", said(console)).replace(" ", "")
    assert "…" not in said(console)
    assert all(f"cookie:{one.value}" in shown for one in identifiers)
    assert "2023-11-14T22:13:20.123Z to 2023-11-14T22:13:20.123Z" in said(console)


def test_while_the_stack_is_up_commands_name_its_folder() -> None:
    console = narrow()
    show_next_steps(console, ADDRESSES, Path("/tmp/demo"))
    assert "onefold profile --data-dir /tmp/demo user_id:shop-7-000" in said(console)


def test_nothing_that_is_removed_is_advised() -> None:
    console = narrow()
    show_own_start(console, Ports())
    assert "onefold up    #" in said(console)
    assert not [gone for gone in ("/tmp/demo", "shop-7", "http://api", "http://clickhouse") if gone in said(console)]


def test_a_stack_of_ones_own_is_advised_on_the_ports_that_the_demo_had() -> None:
    console = narrow()
    show_own_start(console, Ports(http=18080, api=18090))
    assert "onefold up --http-port 18080 --api-port 18090    #" in said(console)
    assert "curl -u dev: http://127.0.0.1:18080/v1/track" in said(console)
