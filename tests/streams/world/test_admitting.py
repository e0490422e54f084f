"""Events that producers put on Kafka in any spelling and under any key: each person is one."""

from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from identity.rules import DEFAULT_RULES
from schemas.identity import identifier_key
from schemas.records import Event, Identifier
from tests.streams.world.playing import PROGRAM, START
from tests.streams.world.world import WORKSPACE, World

EMAIL, PHONE = Identifier("email", "ann@example.org"), Identifier("phone", "+4930123456")
SPELLINGS = (EMAIL, Identifier("email", "Ann@Example.Org"), Identifier("email", " ANN@EXAMPLE.ORG "))
PHONES = (PHONE, Identifier("phone", "+49 30 123456"), Identifier("phone", "tel:+49-30-123456"))
PEOPLE = 5


def _of_person(identifier: Identifier, number: int) -> Identifier:
    is_mail = identifier.namespace == "email"
    value = identifier.value.replace("@", f"{number}@") if is_mail else f"{identifier.value}{number}"
    return Identifier(identifier.namespace, value)


def _key(random: Random, identifier: Identifier) -> bytes | None:
    return random.choice((None, b"", b"anything", b"erp", identifier_key(WORKSPACE, identifier)))


@given(st.integers(0, 2**64 - 1))
def test_whatever_spelling_and_key_a_producer_chooses_a_person_is_one(seed: int) -> None:
    random = Random(seed)
    world = World(random.choice((1, 2, 3, 4)), random, DEFAULT_RULES, PROGRAM)
    each = 6
    order = [number for number in range(PEOPLE) for _ in range(each)]
    random.shuffle(order)
    for at, number in enumerate(order):
        mail, phone = (_of_person(random.choice(spellings), number) for spellings in (SPELLINGS, PHONES))
        sent = random.choice(((mail,), (phone,), (mail, phone), (phone, mail)))
        event = Event(WORKSPACE, "erp", f"m{at}", "track", "View", START + at, None, START + at, sent)
        if random.random() < 0.3:
            spelt = DEFAULT_RULES.usable(_of_person(identifier, number) for identifier in (EMAIL, PHONE))
            world.send(msgspec.structs.replace(event, identifiers=spelt))
        else:
            world.produce(event, _key(random, sent[0]))
        while random.random() < 0.5 and world.step():
            pass
    for number in range(PEOPLE):  # whoever was never seen by both is tied now
        both = tuple(_of_person(identifier, number) for identifier in (PHONE, EMAIL))
        world.send(Event(WORKSPACE, "web", f"tie-{number}", "track", "View", START, None, START, both))
    world.run()

    assert sorted((profile.events, len(profile.identifiers)) for profile in world.profiles().values()) == [
        (each + 1, 2)
    ] * PEOPLE  # fmt: skip
    assert {len(partitions) for partitions in world.entry_partitions().values()} == {1}, "an entry in two partitions"
