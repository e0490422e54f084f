"""Squashing changes no answer, whenever it is broken off, and whatever comes again, late, or differently afterwards."""

import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from embedded.stack import Stack
from jobs.maintenance.failpoints import FAILPOINTS
from jobs.maintenance.squashing import Squash
from runtime.errors import TransientError
from schemas import topics
from schemas.identity import device_profile_id
from schemas.records import Claim, Claimant, Identifier, IdentityChange
from tests.jobs.maintenance.past import DAY_MS, Past, profile_of
from tests.jobs.maintenance.processes import AtRest, maintenance_process
from tests.sinks.examples import ADAS, NOW, PHONE, PHONES, Placed, event, insert, placed, profile, resolved
from tests.support.kinds import one_is_enough
from tests.support.rows import tuples
from warehouse.client import Warehouse
from warehouse.queries.overrides import REMEMBERED_DAYS

pytestmark = pytest.mark.stack

Rows = list[tuple[object, ...]]
SHOWN = (
    "SELECT workspace, source, message_id, type, event, occurred_at, sent_at, received_at, ordinal, profile_id,"
    " profile_kind, identifiers.value AS who, toJSONString(properties) AS p, toJSONString(traits) AS t,"
    " toJSONString(context) AS c, repairs FROM onefold.{} WHERE workspace = {{w:String}}"
    " ORDER BY message_id, profile_id"
)
OF_ONE = "events_of(workspace = {w:String}, profile = {p:String})"
SENT = (
    "SELECT message_id, profile_kind = 'account' AS is_account, hex(body) AS bytes, properties_text, traits_text,"
    " context_text, unparsed, toJSONString(properties) AS p, is_repetition, identifier_id FROM onefold.raw_events FINAL"
    " WHERE workspace = {w:String} ORDER BY message_id, is_account"
)


def answers(warehouse: Warehouse, workspace: str) -> dict[str, Rows]:
    """What questions about a workspace are answered: all events, those of some profiles, and what was sent."""
    events = tuples(warehouse, SHOWN.format("events"), {"w": workspace})
    profile_ids = Counter(str(row[9]) for row in events).most_common(2)
    of_profiles = {
        f"of {profile_id}": tuples(warehouse, SHOWN.format(OF_ONE), {"w": workspace, "p": profile_id})
        for profile_id, _ in profile_ids
    }
    return {"events": events, "sent": tuples(warehouse, SENT, {"w": workspace}), **of_profiles}


def overrides(warehouse: Warehouse, workspace: str) -> set[str]:
    """The identifiers whose events take their profile from an override."""
    query = "SELECT value FROM onefold.profile_overrides FINAL WHERE workspace = {w:String}"
    return {str(row[0]) for row in tuples(warehouse, query, {"w": workspace})}


def squash(warehouse: Warehouse) -> str:
    """Run the step, in small buckets, with nothing under way."""
    return Squash(AtRest(), bucket_size=5).run(warehouse, 0, threading.Event())


def in_pieces(warehouse: Warehouse, records: list[Placed], size: int = 40) -> None:
    """Insert records as a sink does that has several batches; of another size, none of them is known already."""
    for start in range(0, len(records), size):
        insert(warehouse, records[start : start + size])


@pytest.fixture
def past(warehouse: Warehouse, workspace: str) -> Past:
    """A past with everything in it, as the sink has written it."""
    past = Past(7, workspace)
    in_pieces(warehouse, [*past.happen(100), *past.device(), *past.happen(20)])
    return past


@pytest.mark.parametrize("seed", one_is_enough(range(3)))
def test_no_answer_changes_and_overrides_go(warehouse: Warehouse, workspace: str, seed: int) -> None:
    past = Past(seed, workspace)
    for _ in range(2):
        in_pieces(warehouse, past.happen(80))
        if seed % 2:
            in_pieces(warehouse, past.device())
        before, needed = answers(warehouse, workspace), overrides(warehouse, workspace)
        assert not squash(warehouse).startswith("0 events")
        assert answers(warehouse, workspace) == before
        assert overrides(warehouse, workspace) < needed
        assert squash(warehouse).startswith(("0 events", "nothing"))
        assert answers(warehouse, workspace) == before


@pytest.mark.parametrize("failpoint", one_is_enough(["after_squashing:2", "after_squashing:3", *FAILPOINTS]))
def test_killed_anywhere_it_has_changed_no_answer_and_goes_on(
    stack: Stack, warehouse: Warehouse, past: Past, tmp_path: Path, failpoint: str
) -> None:
    before = answers(warehouse, past.workspace)
    with maintenance_process(stack, tmp_path, ONEFOLD_FAILPOINT=failpoint) as maintenance:
        assert maintenance.wait() == -signal.SIGKILL
        assert answers(warehouse, past.workspace) == before
        maintenance.launch(ONEFOLD_FAILPOINT="")
        maintenance.wait_for_output("squash: .* remain|nothing to do")
    assert answers(warehouse, past.workspace) == before
    assert squash(warehouse).startswith(("0 events", "nothing"))


def test_two_at_once_do_no_harm(warehouse: Warehouse, past: Past) -> None:
    before = answers(warehouse, past.workspace)
    with ThreadPoolExecutor(2) as two:
        for done in [two.submit(squash, warehouse) for _ in range(2)]:
            done.result()
    assert answers(warehouse, past.workspace) == before


def test_whatever_is_read_once_more_changes_no_answer(warehouse: Warehouse, workspace: str) -> None:
    past = Past(3, workspace)
    records = past.happen(120)
    in_pieces(warehouse, records)
    before = answers(warehouse, workspace)
    squash(warehouse)
    kept = overrides(warehouse, workspace)
    for number in range(3):  # what came early comes again, alone
        in_pieces(warehouse, records[: 40 * (number + 1)], 37 - number)
        assert answers(warehouse, workspace) == before
    squash(warehouse)
    assert answers(warehouse, workspace) == before
    assert overrides(warehouse, workspace) == kept


def test_events_that_were_lost_and_read_once_more_have_the_profile_of_now(warehouse: Warehouse, workspace: str) -> None:
    past = Past(4, workspace)
    records = past.happen(120)
    in_pieces(warehouse, records)
    before = answers(warehouse, workspace)
    squash(warehouse)
    warehouse.run(
        f"DELETE FROM onefold.raw_events WHERE workspace = '{workspace}' SETTINGS lightweight_deletes_sync = 2"
    )
    in_pieces(warehouse, records, 1_000)
    assert answers(warehouse, workspace) == before
    squash(warehouse)
    assert answers(warehouse, workspace) == before


def test_a_later_decision_counts_before_and_after_the_next_time(warehouse: Warehouse, workspace: str) -> None:
    past = Past(5, workspace)
    phone, tablet, ada = (past.identifier(number) for number in range(3))
    in_pieces(warehouse, [past.sent_by(phone, past.owner(phone)), past.sent_by(tablet, past.owner(tablet))])

    def owners() -> set[object]:
        query = "SELECT profile_id FROM onefold.events WHERE workspace = {w:String}"
        return {row[0] for row in tuples(warehouse, query, {"w": workspace})}

    for decide, expected in (
        (partial(past.merge, phone, tablet), {profile_of(tablet)}),
        (partial(past.merge, tablet, ada), {profile_of(ada)}),
        (partial(past.unmerge, phone), {profile_of(phone), profile_of(ada)}),
        (partial(past.merge, phone, tablet), {profile_of(ada)}),
    ):
        insert(warehouse, decide())
        assert owners() == expected
        squash(warehouse)
        assert (owners(), overrides(warehouse, workspace)) == (expected, set())
        for profile_id in expected:
            shown = tuples(warehouse, SHOWN.format(OF_ONE), {"w": workspace, "p": str(profile_id)})
            assert len(shown) == 3 - len(expected)


def test_what_a_profile_says_of_an_event_keeps_its_override(warehouse: Warehouse, workspace: str) -> None:
    past = Past(6, workspace)
    phone, ada = past.identifier(0), past.identifier(1)
    insert(warehouse, [past.sent_by(phone, past.owner(phone)), past.said_of(phone, is_repeated=False)])
    insert(warehouse, past.merge(phone, ada))
    before = answers(warehouse, workspace)
    assert squash(warehouse).startswith("0 events")
    assert overrides(warehouse, workspace) == {phone.value}
    assert answers(warehouse, workspace) == before


def test_the_events_of_a_shared_device_stay_as_they_are(warehouse: Warehouse, workspace: str) -> None:
    """Its owner is nobody's yet, so its events have the profile that they were routed to."""
    tablet, nobody = Identifier("anonymous_id", "tablet"), Identifier("user_id", "nobody")
    owned = Claimant(ADAS, (Claim(tablet.namespace, tablet.value, NOW - DAY_MS),))
    attributed = IdentityChange(
        workspace, 4, "attributed", NOW, identifiers=(tablet, nobody), claimants=(owned,), profile_id=PHONES
    )
    insert(
        warehouse,
        [
            resolved(event("m1", workspace, identifiers=(tablet,)), 1, PHONES),
            placed(topics.PROFILES, profile(ADAS, 2, workspace, identifiers=(tablet,), decision=3), 1),
            placed(topics.IDENTITY_CHANGES, attributed, 1),
        ],
    )
    before = answers(warehouse, workspace)
    squash(warehouse)
    assert answers(warehouse, workspace) == before
    assert overrides(warehouse, workspace) == {tablet.value}


def test_what_has_become_a_devices_is_of_that_kind(warehouse: Warehouse, workspace: str) -> None:
    device = device_profile_id(UUID(int=1), PHONE)
    claimed = profile(device, 2, workspace, identifiers=(PHONE,), decision=3, kind="device")
    insert(warehouse, [resolved(event("m1", workspace), 1, PHONES), placed(topics.PROFILES, claimed, 1)])
    before = answers(warehouse, workspace)
    squash(warehouse)
    assert answers(warehouse, workspace) == before
    assert [row[9:11] for row in before["events"]] == [(device, "device")]
    assert overrides(warehouse, workspace) == set()


def test_a_persons_event_does_not_become_an_accounts(warehouse: Warehouse, workspace: str) -> None:
    """Events of accounts have a key of their own: it would be there twice."""
    account = "00000000-0000-8a00-8000-000000000001"
    claimed = profile(account, 2, workspace, identifiers=(PHONE,), decision=3, kind="account")
    insert(warehouse, [resolved(event("m1", workspace), 1, PHONES), placed(topics.PROFILES, claimed, 1)])
    before = answers(warehouse, workspace)
    squash(warehouse)
    assert answers(warehouse, workspace) == before
    assert overrides(warehouse, workspace) == {PHONE.value}


def test_marks_are_forgotten_also_when_no_event_has_an_override(warehouse: Warehouse, workspace: str) -> None:
    def marked() -> list[object]:
        query = "SELECT value FROM onefold.profile_overrides WHERE workspace = {w:String} ORDER BY 1 SETTINGS final = 0"
        return [row[0] for row in tuples(warehouse, query, {"w": workspace})]

    warehouse.run("TRUNCATE TABLE onefold.profile_overrides")
    for value, days in (("recent", REMEMBERED_DAYS - 1), ("old", REMEMBERED_DAYS + 1)):
        warehouse.run(
            "INSERT INTO onefold.profile_overrides (workspace, namespace, value, version, is_squashed, written_at)"
            f" SELECT '{workspace}', 'email', '{value}', 7, 1, now64(3, 'UTC') - INTERVAL {days} DAY"
        )
    assert marked() == ["old", "recent"]
    assert squash(warehouse).startswith("nothing to do")
    assert marked() == ["recent"]


def test_a_mark_stays_while_older_claims_cannot_be_merged_away(warehouse: Warehouse, workspace: str) -> None:
    warehouse.run("SYSTEM STOP MERGES onefold.profile_overrides")
    try:
        for is_squashed in (0, 1):
            warehouse.run(
                "INSERT INTO onefold.profile_overrides (workspace, namespace, value, version, is_squashed, written_at)"
                f" SELECT '{workspace}', 'email', 'a', {is_squashed}, {is_squashed}, now64(3) - INTERVAL 900 DAY"
            )
        with pytest.raises(TransientError):
            squash(warehouse)
    finally:
        warehouse.run("SYSTEM START MERGES onefold.profile_overrides")
    assert overrides(warehouse, workspace) == set()
