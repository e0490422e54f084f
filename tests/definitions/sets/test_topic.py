"""Sets on a real Kafka: of several who apply at once one wins, and a follower hears all that is published, once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import Message

from definitions.model import Definitions, Segment, TraitComparison
from definitions.sets import DefinitionSet, Publication, next_set
from definitions.sets.topic import Overtaken, apply_set, ensure_topic, read_publication
from embedded.stack import Stack
from runtime.kafka.following import Follower
from schemas.topics import DEFINITIONS
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack


@pytest.fixture
def kafka(stack: Stack) -> str:
    ensure_topic(stack.settings.kafka, 1)
    return stack.settings.kafka


def following(name: str) -> Callable[[DefinitionSet | None], DefinitionSet]:
    definitions = Definitions((Segment(name, TraitComparison(("plan",), ())),))
    return lambda former: next_set(former, definitions, {}, 0, name)


def test_a_set_follows_the_newest_one(kafka: str) -> None:
    before = read_publication(kafka).version
    applied = apply_set(kafka, following("a"), before)
    assert applied.version == before + 1
    assert read_publication(kafka).newest == applied


def test_a_process_reads_on_from_what_it_has_read(kafka: str) -> None:
    first = apply_set(kafka, following("a"), read_publication(kafka).version)
    before = read_publication(kafka)
    second = apply_set(kafka, following("b"), first.version)
    now = read_publication(kafka)
    assert now.newest == second
    assert now.sets[first.version] is before.sets[first.version], "it was not decoded once more"


def test_what_was_planned_after_an_older_version_is_not_applied(kafka: str) -> None:
    before = read_publication(kafka).version
    apply_set(kafka, following("a"), before)
    with pytest.raises(Overtaken):
        apply_set(kafka, following("b"), before)
    assert read_publication(kafka).version == before + 1


def test_of_many_who_apply_at_once_one_wins(kafka: str) -> None:
    before = read_publication(kafka).version

    def applied(number: int) -> DefinitionSet | None:
        try:
            return apply_set(kafka, following(f"s{number}"), before)
        except Overtaken:
            return None

    with ThreadPoolExecutor(4) as executor:
        won = [each for each in executor.map(applied, range(4)) if each is not None]
    assert [each.version for each in won] == [before + 1]
    assert read_publication(kafka).newest == won[0]


def test_a_follower_hears_all_there_is_and_then_each_new_one(kafka: str) -> None:
    heard, lock, failures = [Publication()], threading.Lock(), list[BaseException]()

    def take(messages: list[Message]) -> None:
        with lock:
            for message in messages:
                heard[0] = heard[0].with_record(message.key(), message.value())

    before = apply_set(kafka, following("first"), read_publication(kafka).version)
    follower = Follower(kafka, DEFINITIONS, take, failures.append)
    follower.start()
    try:
        assert heard[0].newest == before
        later = apply_set(kafka, following("later"), before.version)
        wait_until(lambda: heard[0].newest == later, "the follower to hear of the next set")
    finally:
        follower.stop()
    assert failures == []
