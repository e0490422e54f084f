"""Says how what was found differs from the reference, person by person, so that a failure can be looked into."""

from collections.abc import Iterable, Mapping
from dataclasses import fields

from tests.oracle.reference import Person

SHOWN = 5


def assert_same_people(expected: Mapping[str, Person], found: Mapping[str, Person]) -> None:
    """Every field of every person. Fails with the first differences, each with its person and both sides."""
    report(f"{len(expected)} people expected, {len(found)} found", _differences(expected, found))


def report(title: str, differences: Iterable[str]) -> None:
    """Fail if there are differences, showing the first few and their number."""
    listed = list(differences)
    if listed:
        raise AssertionError("\n".join([f"{title}; {len(listed)} differences:", *listed[:SHOWN]]))


def _differences(expected: Mapping[str, Person], found: Mapping[str, Person]) -> Iterable[str]:
    for profile_id in sorted(expected.keys() | found.keys()):
        wanted, got = expected.get(profile_id), found.get(profile_id)
        if wanted is None or got is None:
            side = "missing" if got is None else "not expected"
            yield f"{_name(wanted or got)}: {side}: {wanted or got}"
            continue
        for field in fields(Person):
            left, right = getattr(wanted, field.name), getattr(got, field.name)
            if left != right:
                yield f"{_name(wanted)}: {field.name}:{_sides(left, right)}"


def _sides(wanted: object, got: object) -> str:
    """Both values; of collections only what one side has and the other lacks."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        names = [name for name in sorted(wanted.keys() | got.keys()) if wanted.get(name) != got.get(name)]
        wanted, got = ({name: side.get(name) for name in names} for side in (wanted, got))
    elif isinstance(wanted, frozenset | tuple) and isinstance(got, frozenset | tuple):
        wanted, got = [one for one in wanted if one not in got], [one for one in got if one not in wanted]
    return f"\n    expected {wanted}\n    found    {got}"


def _name(person: Person | None) -> str:
    if person is None:
        return "nobody"
    return f"profile {person.profile_id} ({', '.join(sorted(map(str, person.identifiers)))})"
