"""Who is who on data that is not ours: the figures of docs/identity-quality.md hold, and would show an error."""

from pathlib import Path
from random import Random

import msgspec
import pytest

from bench.identity import records, taobao
from bench.identity.accuracy import Accuracy, accuracy
from bench.identity.records import tidy_email, tidy_phone
from bench.identity.stages import WhoIsWho
from identity.rules import DEFAULT_RULES, IdentityRules

DATA = Path(__file__).parents[2] / "../shared/data"
USERS = 120

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the data sets in ../shared/data are not shipped")


def _made() -> taobao.Household:
    return taobao.household(taobao.actions(DATA / taobao.FILE.name, USERS), Random(1))


def _accuracy(made: taobao.Household, rules: IdentityRules, random: Random | None = None) -> Accuracy:
    who = WhoIsWho(rules, random=random)
    who.run(one.event for one in made.done)
    return accuracy((who.person_of(one.event), made.truth(one.event)) for one in made.done)


@needs_data
@pytest.mark.shared_data
@pytest.mark.parametrize("seed", [None, 1, 2], ids=["in order of time", "shuffled", "shuffled otherwise"])
def test_every_event_on_own_and_shared_devices_is_whose_the_rules_say(seed: int | None) -> None:
    made = _made()
    assert sum(map(made.is_shared, made.users_of)) > 10
    found = _accuracy(made, DEFAULT_RULES, None if seed is None else Random(seed))
    assert found.is_exact, found


@needs_data
@pytest.mark.shared_data
def test_a_tablet_that_stays_with_its_first_owner_is_seen_by_the_measure() -> None:
    first_owner = msgspec.structs.replace(
        DEFAULT_RULES,
        namespaces=tuple(
            msgspec.structs.replace(one, shared="first_owner") if one.kind == "device" else one
            for one in DEFAULT_RULES.namespaces
        ),
    )
    assert _accuracy(_made(), first_owner).precision < 1


@needs_data
@pytest.mark.shared_data
def test_senzing_under_exact_rules_stays_where_it_was() -> None:
    plain = records.compare(records.senzing(DATA), records.exact_rules())
    assert len(plain.wrong) <= 225
    assert len(plain.missed) <= 82
    without_role = records.compare(records.senzing(DATA), records.exact_rules(frozenset({"info@ca-state.gov"})))
    assert len(without_role.wrong) <= 18
    assert len(without_role.missed) <= 84


@needs_data
@pytest.mark.shared_data
def test_fake_1000_under_exact_rules_stays_where_it_was() -> None:
    found = records.compare(records.fake_1000(DATA), records.exact_rules())
    assert found.wrong == []
    assert len(found.missed) <= 1_349


def test_pairs_are_counted_by_hand() -> None:
    # a and b are one person and said to be; c is added wrongly; d, one person with e, is not found.
    said_and_true = [("x", "ab"), ("x", "ab"), ("x", "c"), ("y", "de"), ("z", "de")]
    found = accuracy(said_and_true)
    assert found == Accuracy(right=1, said=3, true=2)
    assert (found.precision, found.recall) == (1 / 3, 1 / 2)
    assert not found.is_exact


def test_nothing_said_is_precise_and_nothing_to_find_is_found() -> None:
    found = accuracy([("x", "a")])
    assert (found.precision, found.recall, found.is_exact) == (1, 1, True)


@pytest.mark.parametrize(
    ("text", "tidy"),
    [('"Jay Jones" <JJones@fmail.com>', "jjones@fmail.com"), ("Ada@Example.org", "ada@example.org"), ("", "")],
)
def test_an_email_is_the_address_alone(text: str, tidy: str) -> None:
    assert tidy_email(text) == tidy


@pytest.mark.parametrize(
    ("text", "tidy"),
    [("(320) 392-2137", "3203922137"), ("18188922818", "8188922818"), ("321-3212", "3213212"), ("", "")],
)
def test_a_phone_is_its_digits(text: str, tidy: str) -> None:
    assert tidy_phone(text) == tidy
