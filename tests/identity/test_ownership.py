"""Who signed in on a device, and whose its events are: a function of the sign-ins alone, whatever their order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.ownership import (
    KEPT_REPETITIONS,
    MAX_OWNERS,
    SignIns,
    added,
    changed,
    claims,
    difference,
    owner_at,
    owners,
    without,
)
from schemas.records import Identifier, Owner

TILL, KIM, LEA = Identifier("anonymous_id", "till"), Identifier("user_id", "kim"), Identifier("user_id", "lea")
PEOPLE = [Identifier("user_id", name) for name in ("kim", "lea", "mia")]


def _at(since: int, person: Identifier = KIM) -> Owner:
    return Owner(since, person.namespace, person.value)


def _signed_in(*new: Owner) -> SignIns:
    sign_ins: SignIns = ()
    for sign_in in new:
        sign_ins = added(sign_ins, TILL, sign_in)
    return sign_ins


some = st.lists(st.builds(_at, st.integers(0, 30), st.sampled_from(PEOPLE)), max_size=12)


@given(some, st.randoms(use_true_random=False), st.integers(-1, 31))
def test_the_order_in_which_sign_ins_become_known_does_not_matter(
    signed_in: list[Owner], random: object, at: int
) -> None:
    shuffled = list(signed_in)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    sign_ins = _signed_in(*signed_in)
    assert _signed_in(*shuffled) == sign_ins
    if sign_ins:
        begun = max(at, sign_ins[0].since)
        before = [sign_in for sign_in in sorted(set(signed_in)) if sign_in.since <= begun]
        assert owner_at(owners(sign_ins), at) == before[-1].identifier


def test_of_two_who_sign_in_first_at_one_time_the_greater_owns_what_was_before_too() -> None:
    held = owners(_signed_in(_at(10), _at(10, LEA), _at(20)))
    assert held == (_at(10, LEA), _at(20))
    assert owner_at(held, 9) == owner_at(held, 10) == LEA


@given(some, some)
def test_whoever_is_told_the_differences_of_owners_knows_them(before: list[Owner], after: list[Owner]) -> None:
    was, now = (owners(_signed_in(*signed_in)) for signed_in in (before, after))
    new, gone = difference(was, now)
    by_time = {owner.since: owner for owner in was}
    for owner in gone:
        del by_time[owner.since]
    assert tuple(sorted((by_time | {owner.since: owner for owner in new}).values())) == now


@given(some.filter(bool), st.integers(-1, 31))
def test_every_moment_is_claimed_by_its_holder_alone(signed_in: list[Owner], at: int) -> None:
    held = owners(_signed_in(*signed_in))
    claiming = [
        person
        for person, claim in claims(TILL, held)
        if (claim.since is None or claim.since <= at) and (claim.until is None or at < claim.until)
    ]
    assert claiming == [owner_at(held, at)]


@given(some.filter(bool), some.filter(bool), st.integers(-1, 31))
def test_whoever_gives_events_up_is_told_and_nobody_else(before: list[Owner], after: list[Owner], until: int) -> None:
    was, now = (owners(_signed_in(*signed_in)) for signed_in in (before, after))
    moments = range(-1, until + 1)
    expected = {(owner_at(was, at), owner_at(now, at)) for at in moments}
    assert set(changed(was, now, until)) == {pair for pair in expected if pair[0] != pair[1]}


def test_repeated_sign_ins_of_one_person_are_kept_in_part() -> None:
    sign_ins = _signed_in(*map(_at, range(500)))
    assert (sign_ins[0], sign_ins[-1]) == (_at(0), _at(499))
    assert len(sign_ins) == KEPT_REPETITIONS + 2
    assert owners(added(sign_ins, TILL, _at(470, LEA))) == (_at(0), _at(470, LEA), _at(471))


def test_a_device_of_too_many_hands_is_nobodys_from_then_on() -> None:
    alternating = [_at(since, (KIM, LEA)[since % 2]) for since in range(MAX_OWNERS + 50)]
    sign_ins = _signed_in(*alternating)
    held = owners(sign_ins)
    assert len(held) == MAX_OWNERS + 1
    assert owner_at(held, MAX_OWNERS - 1) == alternating[MAX_OWNERS - 1].identifier
    assert owner_at(held, MAX_OWNERS) == owner_at(held, 10**15) == TILL
    assert added(sign_ins, TILL, _at(5, LEA)) is sign_ins


@pytest.mark.parametrize("person", [KIM, LEA])
def test_a_persons_sign_ins_can_be_taken_back(person: Identifier) -> None:
    sign_ins = _signed_in(_at(1), _at(2, LEA), _at(3))
    assert {owner.identifier for owner in without(sign_ins, person)} == {KIM, LEA} - {person}
