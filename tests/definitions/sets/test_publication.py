"""What the topic says: which version is in effect where, once what it needs is complete."""

from collections.abc import Mapping
from random import Random

import msgspec
import pytest

from definitions.model import Call, Definitions, EventCount, EventMatcher, Segment, TraitComparison, Window
from definitions.sets import LANGUAGE, Completion, DefinitionSet, Publication, Stamping, UnknownLanguage, next_set
from definitions.sets.publication import completion_record, published_by, set_record, stamping_record
from tests.definitions.generated import Generator

DAY = 86_400_000
PROS = Segment("pros", TraitComparison(("plan",), ()))


def buyers(days: int = 7, workspaces: tuple[str, ...] = ()) -> Segment:
    events = EventMatcher((Call("track", "Ordered"),))
    return Segment("buyers", EventCount(events, Window(days * DAY)), workspaces=workspaces)


def sets(*versions: tuple[Segment, ...]) -> tuple[DefinitionSet, ...]:
    made: list[DefinitionSet] = []
    for segments in versions:
        made.append(next_set(made[-1] if made else None, Definitions(segments), {"a.yaml": "x"}, 5, "me"))
    return tuple(made)


def publication(
    of: tuple[DefinitionSet, ...], stampings: Mapping[int, Stamping], **completions: Completion
) -> Publication:
    records = [set_record(each) for each in of]
    records += [stamping_record(partition, stamping) for partition, stamping in stampings.items()]
    records += [completion_record(name, completion) for name, completion in completions.items()]
    return published_by(iter(records))


def effective(of: Publication, workspace: str = "main") -> int:
    evaluated = of.evaluated(workspace, 2)
    return 0 if evaluated is None else evaluated.version


@pytest.mark.parametrize("seed", range(20))
def test_a_set_is_read_as_it_was_written(seed: int) -> None:
    definitions = Generator(Random(seed)).definitions(6)
    written = next_set(None, definitions, {"segments/a.yaml": "# 你好"}, 5, "me")
    read = published_by(iter([set_record(written)])).newest
    assert read == written
    assert read.definitions == msgspec.structs.replace(definitions, identity=Definitions().identity)


def test_the_first_set_is_in_effect_at_once_if_no_event_is_older() -> None:
    first = sets((buyers(),))
    assert effective(publication(first, {0: Stamping(1, 1)})) == 0
    assert publication(first, {0: Stamping(1, 1)}).is_beginning(2)
    both = publication(first, {0: Stamping(1, 1), 1: Stamping(1, 1)})
    assert (effective(both), both.is_beginning(2)) == (1, False)


def test_a_partition_with_older_events_waits_for_a_back_fill() -> None:
    first = sets((buyers(),))
    older = publication(first, {0: Stamping(1, 1), 1: Stamping(1, 0)})
    assert (effective(older), older.is_beginning(2)) == (0, False)
    assert effective(publication(first, older.stampings, main=Completion(1))) == 1


def test_a_set_that_needs_nothing_new_is_in_effect_at_once() -> None:
    of = sets((buyers(),), (buyers(), PROS))
    assert effective(publication(of, {0: Stamping(1, 1), 1: Stamping(1, 1)})) == 2


def test_until_a_set_is_complete_the_one_before_is_in_effect() -> None:
    of = sets((buyers(),), (buyers(30),), (buyers(30), PROS), (PROS,))
    stampings = {0: Stamping(3, 1), 1: Stamping(2, 1)}
    assert effective(publication(of[:3], stampings)) == 1
    assert effective(publication(of[:3], stampings, main=Completion(2))) == 3
    assert effective(publication(of, stampings)) == 4


def test_workspaces_are_complete_each_by_itself() -> None:
    of = sets((PROS,), (PROS, buyers(workspaces=("shop",))))
    stampings = {0: Stamping(2, 0), 1: Stamping(2, 0)}
    assert [effective(publication(of, stampings), name) for name in ("main", "shop")] == [2, 1]


def test_what_is_stamped_everywhere_is_what_the_last_partition_says() -> None:
    of = sets((PROS,), (PROS,))
    assert publication(of, {0: Stamping(2, 1)}).stamped_everywhere(2) == 0
    assert publication(of, {0: Stamping(2, 1), 1: Stamping(1, 1)}).stamped_everywhere(2) == 1


@pytest.mark.parametrize("value", [b'{"version": 2, "language": %d}' % (LANGUAGE + 1), b'{"version": 2}', b"\xff"])
def test_a_newest_set_that_is_not_understood_is_no_definition(value: bytes) -> None:
    known = publication(sets((PROS,)), {}).with_record(b"set:0000000002", value)
    assert known.version == 2
    with pytest.raises(UnknownLanguage):
        _ = known.newest


def test_a_set_that_is_not_understood_is_no_matter_once_another_follows() -> None:
    of = sets((PROS,), (PROS,), (PROS,))
    known = published_by(iter([(b"set:0000000002", b"?"), set_record(of[0]), set_record(of[2])]))
    assert (known.newest, effective(known)) == (of[2], 3)
