"""When the query of a mined trait is due: by its schedule, by what was applied, by hand, and after what goes wrong."""

import msgspec
import pytest

from definitions.model import Definitions, Mining, Trait
from definitions.sets import Publication, next_set
from definitions.sets.publication import Stamping, set_record, stamping_record
from definitions.sets.refreshes import Refresh, refresh_record, wanted_record

HOUR = 3_600_000
NOW = 1_800_000_000_000
RISK = Trait("risk", Mining("SELECT 1", HOUR))
DONE = Refresh(1, 1, 1, NOW, NOW + 5, succeeded_by=1, succeeded_at=NOW)


def applied(*versions: tuple[Trait, ...]) -> Publication:
    publication = Publication()
    for traits in versions:
        new = next_set(publication.newest, Definitions(traits=traits), {}, 0, "")
        publication = publication.with_record(*set_record(new))
        publication = publication.with_record(*stamping_record(0, Stamping(new.version, 1)))
    return publication


def after(publication: Publication, refresh: Refresh, workspace: str = "main") -> Publication:
    return publication.with_record(*refresh_record(workspace, "risk", refresh))


def due(publication: Publication, now: int = NOW + 1, workspace: str = "main") -> list[tuple[str, bool, bool]]:
    return [(each.trait.name, each.is_new, each.is_changed) for each in publication.due_refreshes(workspace, 1, now)]


def test_a_new_trait_is_due_at_once_and_then_as_often_as_it_says() -> None:
    publication = applied((RISK,))
    assert due(publication) == [("risk", True, True)]
    publication = after(publication, DONE)
    assert due(publication, NOW + HOUR - 1) == []
    assert due(publication, NOW + HOUR) == [("risk", False, False)]
    assert due(publication, NOW + 300 * HOUR) == [("risk", False, False)], "once, however long nobody was there"


def test_nothing_is_due_without_definitions() -> None:
    assert due(Publication()) == []
    assert due(applied(())) == []


def test_a_changed_query_is_due_at_once_and_a_changed_schedule_when_its_time_has_come() -> None:
    other = msgspec.structs.replace(RISK, value=Mining("SELECT 2", HOUR))
    assert due(after(applied((RISK,), (other,)), DONE)) == [("risk", False, True)]
    often = msgspec.structs.replace(RISK, value=Mining("SELECT 1", HOUR // 2))
    publication = after(applied((RISK,), (often,)), DONE)
    assert due(publication) == []
    assert due(publication, NOW + HOUR // 2) == [("risk", False, False)]


def test_a_trait_that_was_removed_in_between_is_new() -> None:
    assert due(after(applied((RISK,), (), (RISK,)), DONE)) == [("risk", True, True)]


def test_titles_change_nothing() -> None:
    titled = msgspec.structs.replace(RISK, title="Risk")
    assert due(after(applied((RISK,), (titled,)), DONE)) == []


def test_one_that_broke_off_is_due_at_once() -> None:
    assert due(after(applied((RISK,)), Refresh(1, 1, 1, NOW))) == [("risk", True, True)]
    begun = Refresh(1, 2, 1, NOW, succeeded_by=1)
    assert due(after(applied((RISK,)), begun)) == [("risk", False, False)]


def test_one_that_failed_is_due_at_its_next_turn_and_soon_if_nobody_answered() -> None:
    failed = Refresh(1, 1, 1, NOW, NOW + 5, error="no table")
    publication = after(applied((RISK,)), failed)
    assert due(publication, NOW + HOUR - 1) == []
    assert due(publication, NOW + HOUR) == [("risk", True, True)], "no profile has a value yet"
    away = after(applied((RISK,)), msgspec.structs.replace(failed, is_soon_again=True))
    assert due(away, NOW + 59_999) == []
    assert due(away, NOW + 60_000) == [("risk", True, True)]


def test_one_that_is_wanted_is_due_until_it_is_answered() -> None:
    publication = after(applied((RISK,)), DONE).with_record(*wanted_record("main", "risk", 3))
    assert due(publication) == [("risk", False, False)]
    assert due(after(publication, msgspec.structs.replace(DONE, answers=3))) == []


def test_a_clock_that_is_put_back_stops_nothing() -> None:
    assert due(after(applied((RISK,)), DONE), NOW - 1) == [("risk", False, False)]


@pytest.mark.parametrize("workspace", ["main", "other"])
def test_each_workspace_that_it_is_for_has_refreshes_of_its_own(workspace: str) -> None:
    publication = after(applied((RISK,)), DONE, "main")
    assert bool(due(publication, workspace=workspace)) is (workspace == "other")
    own = msgspec.structs.replace(RISK, workspaces=("main",))
    assert due(applied((own,)), workspace="other") == []
