"""A destination that is renamed stays itself: whoever it holds, what waits, the keys, a pause."""

import sqlite3
from pathlib import Path

import msgspec
import pytest

from api.replaying import DeliveryReplay
from definitions.destinations import Checks, Destination, SendingPace
from definitions.receivers.sql import Sql
from definitions.receivers.webhook import Webhook
from embedded.stack import Stack
from sinks.delivery.served import Destinations
from tests.deliveries.soundness import disorder, final_members
from tests.sinks.delivery.deliverer import Changes, running_deliverer
from tests.sinks.delivery.hook import MAPPING, running_hook
from tests.sinks.delivery.test_outlet import OPENED
from tests.sinks.sink_process import running_sink
from tests.support.stacks import migrated_address
from tests.support.waiting import wait_until
from warehouse.queries.deliveries import ChosenAttempts


def renamed(destination: Destination, name: str) -> Destination:
    return msgspec.structs.replace(destination, name=name, renamed_from=destination.names)


def test_a_name_and_its_former_ones_are_one_destination_which_stays_paused() -> None:
    crm = Destination("crm", receiver=Webhook("https://shop.example"), checks=Checks(hold_out_permille=100))
    destinations = Destinations(lambda _: OPENED, lambda _: None)
    destinations.define([crm], {})
    destinations.define([renamed(renamed(crm, "people"), "contacts")], {})
    destinations.pause(["crm"])

    (served,) = destinations.all()
    assert (served.name, served.kept_as) == ("contacts", "crm")
    former = destinations.addressee("crm"), destinations.addressee("people")
    assert {each.name for each in former if each is not None} == {"contacts"}
    assert destinations.is_defined("crm")
    assert destinations.name_of("crm") == "contacts"
    assert served.outlet.is_paused


def delivered(changes: Changes, *destinations: Destination) -> set[str]:
    said = [attempt for each in destinations for attempt in changes.attempts(each.name)]
    return {each.delivery_id for each in said if each.outcome == "delivered"}


@pytest.mark.stack
@pytest.mark.timeout(240)
def test_what_waited_under_the_former_name_arrives_under_the_same_key_and_before_what_is_newer(
    stack: Stack, tmp_path: Path, workspace: str
) -> None:
    changes = Changes(stack, workspace)
    with running_hook() as hook, running_deliverer(stack, tmp_path):
        former = hook.destination(pace=SendingPace(timeout_ms=500))
        changes.define(former)
        hook.answer = lambda _taken, _number: None
        changes.toggle([former], range(5))
        wait_until(lambda: {each.outcome for each in changes.attempts(former.name)} == {"retry"}, "attempts that fail")

        new = renamed(former, f"{former.name}-new".replace("-", "_"))
        changes.define(new)
        changes.toggle([new], range(5))
        hook.answer = lambda _taken, _number: 204
        wait_until(lambda: final_members(hook.taken) == changes.members, "everything")
        wait_until(lambda: len(delivered(changes, former, new)) == 10, "the outcomes")
    assert disorder(hook.taken) == []
    assert {each.key for each in hook.taken} == delivered(changes, former, new)


@pytest.mark.stack
@pytest.mark.timeout(240)
def test_whom_it_holds_under_the_former_name_is_taken_out_under_the_new_one(
    stack: Stack, tmp_path: Path, workspace: str
) -> None:
    changes = Changes(stack, workspace)
    database = tmp_path / "shop.db"
    receiver = Sql(f"sqlite:///{database}", "members", mode="mirror", key=("profile_id", "segment"), create=True)
    former = Destination(f"{workspace}_tab".replace("-", "_"), receiver=receiver, mapping=MAPPING)

    def rows() -> int:
        if not database.exists():
            return 0
        with sqlite3.connect(database) as connection:
            found = connection.execute("SELECT name FROM sqlite_master WHERE name = 'members'").fetchone()
            return int(connection.execute("SELECT count(*) FROM members").fetchone()[0]) if found else 0

    with running_deliverer(stack, tmp_path):
        changes.define(former)
        changes.toggle([former], range(5))
        wait_until(lambda: rows() == 5, "five members")
        new = renamed(former, f"{former.name}_new")
        changes.define(new)
        changes.toggle([new], range(5))
        wait_until(lambda: len(changes.attempts(new.name)) == 5, "what became of the exits")
    assert {each.outcome for each in changes.attempts(new.name)} == {"delivered"}
    assert rows() == 0


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_what_was_refused_under_the_former_name_is_replayed_under_the_new_one_with_the_same_key(
    stack: Stack, tmp_path: Path, workspace: str
) -> None:
    changes = Changes(stack, workspace)
    migrated_address(stack)
    folders = [tmp_path / "sink", tmp_path / "deliverer"]
    for folder in folders:
        folder.mkdir()
    with running_hook() as hook, running_sink(stack, folders[0]), running_deliverer(stack, folders[1]):
        former = hook.destination()
        changes.define(former)
        hook.answer = lambda _taken, _number: 400
        changes.toggle([former], range(3))
        wait_until(lambda: len(changes.attempts(former.name)) == 3, "the refusals")
        new = renamed(former, f"{former.name}-new".replace("-", "_"))
        changes.define(new)
        hook.answer = lambda _taken, _number: 204
        replay = DeliveryReplay(stack.settings, workspace, ChosenAttempts(destination=new.name, outcome="refused"))
        assert sum(replay.run(100)) == 3
        assert replay.count() == 0 or sum(replay.run(100)) == 0, "nothing is replayed twice"
        replay.close()
        wait_until(lambda: len(delivered(changes, new)) == 3, "the deliveries")
    refused = {each.delivery_id for each in changes.attempts(former.name)}
    assert {each.key for each in hook.taken} == delivered(changes, new) == refused
