"""Two rebuilders back-fill one workspace: the one that began last completes, and no profile drops what it has of it."""

import pytest

from definitions.sets import BackfillAttempt, Completion, Publication
from definitions.sets.publication import attempt_record, completion_record
from jobs.backfill.attempts import begun, ended
from jobs.superseded import Superseded

OLD, NEW = 7, 8


class Topic:
    """What the topic says, and who says it."""

    def __init__(self) -> None:
        self.publication = Publication()

    @property
    def completion(self) -> Completion | None:
        return self.publication.completions.get("main")

    def begin(self, token: int, begun_after: Completion | None = None) -> BackfillAttempt:
        attempt = begun(self.publication, "main", token, begun_after)
        self.publication = self.publication.with_record(*attempt_record("main", attempt))
        return attempt

    def end(self, attempt: BackfillAttempt, version: int) -> None:
        completion = ended(self.publication, "main", attempt, Completion(version, (), 5, 1))
        self.publication = self.publication.with_record(*completion_record("main", completion))


def test_who_was_replaced_does_not_complete_whether_the_later_one_is_done_or_not() -> None:
    topic = Topic()
    old, new = topic.begin(OLD), topic.begin(NEW)
    with pytest.raises(Superseded):
        topic.end(old, 2)
    topic.end(new, 3)
    with pytest.raises(Superseded):
        topic.end(old, 2)
    assert topic.completion == Completion(3, (new.name,), 5, 1)


def test_who_was_replaced_does_not_begin_any_more() -> None:
    topic = Topic()
    new = topic.begin(NEW)
    with pytest.raises(Superseded):
        topic.begin(OLD)
    topic.end(new, 2)


def test_who_has_not_seen_that_all_is_complete_sends_nothing() -> None:
    topic = Topic()
    topic.end(topic.begin(OLD), 2)
    with pytest.raises(Superseded):
        topic.begin(NEW, begun_after=None)


def test_the_attempts_of_all_that_is_complete_count() -> None:
    topic = Topic()
    first = topic.begin(OLD)
    topic.end(first, 2)
    second = topic.begin(NEW, topic.completion)
    for _ in range(2):  # the answer to the first was lost
        topic.end(second, 3)
    assert topic.completion == Completion(3, (first.name, second.name), 5, 1)


def test_whom_earlier_ones_left_out_is_kept() -> None:
    topic = Topic()
    for version, left_out in ((2, ("p2",)), (3, ("p3", "p1"))):
        attempt = topic.begin(OLD, topic.completion)
        completion = ended(topic.publication, "main", attempt, Completion(version, left_out=left_out))
        topic.publication = topic.publication.with_record(*completion_record("main", completion))
    assert topic.publication.completions["main"].left_out == ("p1", "p2", "p3")


def test_a_later_attempt_sorts_higher() -> None:
    topic = Topic()
    names = [topic.begin(token).name for token in (0, 0, OLD, OLD, NEW)]
    assert names == sorted(set(names))
