"""By what a receiver of states finds people that two profiles may have."""

from pathlib import Path

import pytest

from definitions import load
from definitions.shared_keys import SharedKeys, shared_keys, shared_traits
from tests.definitions.folders import write

TABLE = """
destination: people
type: sql
url: sqlite:////people.sqlite
table: people
mode: mirror
key: [KEY]
mapping: {id: "@profile.id", name: "@name", email: "@identifiers.email", phone: "@traits.phone",
          either: {value: "@identifiers.email", otherwise: "@traits.email"}, said: "{{ traits.code }}-{{ name }}"}
"""
HUBSPOT = """
destination: people
type: hubspot
token: {env: TOKEN}
mapping: {id: "@traits.email", segment: "@name", change: "@change", properties: {city: "@traits.city"}}
"""
META = """
destination: people
type: meta_audience
token: {env: TOKEN}
audience: "1"
"""
HOOK = """
destination: people
type: webhook
url: https://shop.example/hook
keeps_members: true
traits: [email, plan]
mapping: MAPPING
"""
TOPIC = HOOK.replace("type: webhook\nurl: https://shop.example/hook", "type: kafka\nservers: shop:9092\ntopic: people")
BY_TRAIT = '{email: "@traits.email"}'
BY_BOTH = '{data: {who: {value: "@identifiers.email", otherwise: "@traits.email"}, plan: "@traits.plan"}}'


def keys_of(folder: Path, destination: str) -> tuple[SharedKeys, int]:
    (found,) = load(write(folder, {"destinations/people.yaml": destination})).destinations
    warnings = list(shared_traits(found))
    assert all("`onefold destination sync people`, while the one who left still has it" in each for each in warnings)
    return shared_keys(found), len(warnings)


def traits(*names: str) -> frozenset[tuple[str, ...]]:
    return frozenset((name,) for name in names)


@pytest.mark.parametrize(
    ("destination", "keys"),
    [
        (TABLE.replace("KEY", "email"), SharedKeys(frozenset({"email"}))),
        (TABLE.replace("KEY", "email, id"), SharedKeys()),
        (TABLE.replace("KEY", "phone, name"), SharedKeys(frozenset(), traits("phone"))),
        (TABLE.replace("KEY", "either"), SharedKeys(frozenset({"email"}), traits("email"))),
        (TABLE.replace("KEY", "said"), SharedKeys(frozenset(), traits("code"))),
        (TABLE.replace("mode: mirror\nkey: [KEY]", "mode: insert"), SharedKeys()),
        (HUBSPOT, SharedKeys(frozenset(), traits("email"))),
        (META, SharedKeys(frozenset({"email", "phone"}))),
        (HOOK.replace("MAPPING", BY_TRAIT), SharedKeys(frozenset(), traits("email"))),
        (TOPIC.replace("MAPPING", BY_TRAIT), SharedKeys(frozenset(), traits("email"))),
        (HOOK.replace("MAPPING", '{data: {traits: "@traits"}}'), SharedKeys(frozenset(), traits("email", "plan"))),
        (HOOK.replace("MAPPING", '{all: "@identifiers", plan: "@traits.plan"}'), SharedKeys(None)),
        (HOOK.replace("MAPPING", BY_BOTH), SharedKeys(frozenset({"email"}), traits("email"))),
        (HOOK.replace("MAPPING", '{id: "{{ profile.id }}", email: "@traits.email"}'), SharedKeys()),
        (HOOK.replace("mapping: MAPPING\n", ""), SharedKeys()),
        (HOOK.replace("keeps_members: true", "").replace("MAPPING", BY_TRAIT), SharedKeys()),
    ],
)
def test_what_finds_people_is_what_the_receiver_goes_by(tmp_path: Path, destination: str, keys: SharedKeys) -> None:
    assert keys_of(tmp_path, destination) == (keys, len(keys.traits))
