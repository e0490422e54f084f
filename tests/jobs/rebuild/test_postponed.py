"""Changes that wait for another try: each for a minute, and none is acknowledged meanwhile."""

from jobs.rebuild.postponed import MOST, Postponed, TakenChange
from jobs.refusals import AGAIN_AFTER_S
from schemas.records import IdentityChange


def taken(workspace: str, partition: int, offset: int) -> TakenChange:
    return TakenChange(IdentityChange(workspace, offset, "unmerged", 0), partition, offset)


FIRST, SECOND, OTHER = taken("main", 0, 7), taken("main", 0, 9), taken("shop", 1, 3)


def test_each_is_due_a_minute_after_it_was_postponed() -> None:
    postponed = Postponed()
    postponed.add([FIRST, OTHER], now=10.0)
    postponed.add([SECOND], now=20.0)
    assert postponed.take_due(9.9 + AGAIN_AFTER_S) == []
    assert postponed.take_due(10.0 + AGAIN_AFTER_S) == [FIRST, OTHER]
    assert postponed.take_due(20.0 + AGAIN_AFTER_S) == [SECOND]
    assert len(postponed) == 0


def test_the_first_of_each_partition_is_known_and_whose_they_are() -> None:
    postponed = Postponed()
    postponed.add([SECOND, FIRST, OTHER], now=0.0)
    assert postponed.offsets == {0: 7, 1: 3}
    assert postponed.workspaces == {"main", "shop"}
    postponed.clear()
    assert (postponed.offsets, postponed.workspaces) == ({}, frozenset())


def test_it_is_full_before_it_grows_without_bound() -> None:
    postponed = Postponed()
    postponed.add([FIRST] * (MOST - 1), now=0.0)
    assert not postponed.is_full
    postponed.add([FIRST], now=0.0)
    assert postponed.is_full
