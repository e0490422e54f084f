"""Batches of audiences: whatever a receiver refuses or leaves open, each person's last change is what it holds."""

import asyncio
from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sinks.destinations.audiences.sending import MAX_REQUESTS, Again, BatchSender, Halt, Settled, Unclear
from sinks.destinations.audiences.waves import ReceiverChange, plan, requests_of
from sinks.destinations.contract import Delivered, Outcome, Refused, Retry, Unauthorised


class Receiver:
    """Holds who is in it. What is `invalid` it refuses by name (`again`), in silence (`unclear`) or one by one."""

    def __init__(self, invalid: frozenset[str], manner: str, stops_after: int) -> None:
        self.held: dict[str, str] = {}
        self.requests: list[Sequence[ReceiverChange[str]]] = []
        self._invalid = invalid
        self._manner = manner
        self._stops_after = stops_after

    async def send(self, request: Sequence[ReceiverChange[str]]) -> Settled:
        self.requests.append(request)
        if len(self.requests) > self._stops_after:
            return Halt(Retry("throttled", "enough"))
        wrong = {at: Refused("rejected", "no") for at, change in enumerate(request) if _key(change) in self._invalid}
        if wrong and self._manner == "again":
            return Again(wrong)
        if wrong and self._manner == "unclear":
            return Unclear("no")
        for at, change in enumerate(request):
            if at not in wrong:
                self.held[_key(change)] = change.request[0]
        outcomes: list[Outcome] = [wrong.get(at, Delivered()) for at in range(len(request))]
        return outcomes


def _key(change: ReceiverChange[str]) -> str:
    return change.target[0]


PEOPLE = "abcdef"
CHANGES = st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(["add", "remove"])), max_size=25).map(
    lambda drawn: [
        ReceiverChange(at, (person,), frozenset({person}), (verb,), person) for at, (person, verb) in enumerate(drawn)
    ]
)
SHARED = st.lists(
    st.tuples(st.sampled_from("abcd"), st.frozensets(st.sampled_from("123"), max_size=2), st.sampled_from("xy")),
    max_size=20,
).map(
    lambda drawn: [
        ReceiverChange(at, (person, target), keys | {person}, (target,), person)
        for at, (person, keys, target) in enumerate(drawn)
    ]
)


@given(SHARED)
def test_waves_keep_the_order_of_whatever_shares_a_key(changes: list[ReceiverChange[str]]) -> None:
    planned = plan(changes)
    sent = [(number, change) for number, wave in enumerate(planned.waves) for change in wave]
    assert {change.at for _, change in sent} | planned.superseded.keys() == {change.at for change in changes}
    for number, change in sent:
        for other_number, other in sent:
            if change.at < other.at and change.keys & other.keys:
                assert number < other_number
    for earlier, last in planned.superseded.items():
        assert changes[earlier].target == changes[last].target
        assert last == max(change.at for change in changes if change.target == changes[last].target)


@given(SHARED, st.integers(1, 4))
def test_a_request_is_of_one_kind_and_within_its_limit(changes: list[ReceiverChange[str]], limit: int) -> None:
    requests = requests_of(changes, limit)
    assert all(len({change.request for change in request}) == 1 and len(request) <= limit for request in requests)
    assert sorted(change.at for request in requests for change in request) == [change.at for change in changes]


def test_a_change_over_the_limit_goes_by_itself() -> None:
    large = ReceiverChange(0, ("a",), frozenset("a"), ("add",), "a", size=9)
    small = msgspec.structs.replace(large, at=1, size=1)
    assert [len(request) for request in requests_of([large, small], 5)] == [1, 1]


@given(
    CHANGES, st.frozensets(st.sampled_from(PEOPLE)), st.sampled_from(["again", "unclear", "each"]), st.integers(0, 6)
)
def test_what_is_delivered_is_the_last_change_and_nothing_is_left_without_outcome(
    changes: list[ReceiverChange[str]], invalid: frozenset[str], manner: str, stops_after: int
) -> None:
    receiver = Receiver(invalid, manner, stops_after)
    batch = BatchSender(receiver.send, limit=10)
    asyncio.run(batch.send(changes))
    assert sorted(batch.outcomes) == [change.at for change in changes]
    last = {_key(change): change for change in changes}
    for person, change in last.items():
        outcome = batch.outcomes[change.at]
        assert isinstance(outcome, Delivered) == (receiver.held.get(person) == change.request[0])
        assert not isinstance(outcome, Refused) or person in invalid
        assert person not in invalid or not isinstance(outcome, Delivered)
    assert len(receiver.requests) <= min(MAX_REQUESTS, stops_after + 1)


def test_after_what_stops_all_nothing_more_is_sent() -> None:
    asked = []

    async def send(request: Sequence[ReceiverChange[str]]) -> Settled:
        asked.append(request)
        return Halt(Unauthorised("revoked"))

    changes = [ReceiverChange(at, (str(at),), frozenset(str(at)), (str(at % 3),), "") for at in range(9)]
    batch = BatchSender(send, limit=10)
    asyncio.run(batch.send(changes))
    assert len(asked) == 1
    assert set(map(type, batch.outcomes.values())) == {Unauthorised}
