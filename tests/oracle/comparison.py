"""Says how what was found differs from the reference, person by person, so that a failure can be looked into."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace

from tests.oracle.reference import SESSION_GAP_MS, Person, Visit

SESSION_LATENESS_MS = 24 * 3600 * 1000
SHOWN = 5


def assert_same_people(expected: Mapping[str, Person], found: Mapping[str, Person], at: int) -> None:
    """Every field of every person, at time `at`. Fails with the first differences, each with its person and both sides.

    Sessions are exact for what comes up to 24 hours late, merges included: what was older when two profiles became one
    may still be in the pieces that each of them had seen.
    """
    exact_from = at - SESSION_LATENESS_MS - SESSION_GAP_MS
    whole = {
        profile_id: replace(
            person, sessions=_pieced_together(expected[profile_id].sessions, person.sessions, exact_from)
        )
        if profile_id in expected
        else person
        for profile_id, person in found.items()
    }
    report(f"{len(expected)} people expected, {len(found)} found", _differences(expected, whole))


def report(title: str, differences: Iterable[str]) -> None:
    """Fail if there are differences, showing the first few and their number."""
    listed = list(differences)
    if listed:
        raise AssertionError("\n".join([f"{title}; {len(listed)} differences:", *listed[:SHOWN]]))


def _pieced_together(expected: tuple[Visit, ...], found: tuple[Visit, ...], exact_from: int) -> tuple[Visit, ...]:
    """`found`, where pieces that make up an expected old session exactly are replaced by it."""
    whole = set(found)
    for visit in expected:
        pieces = [one for one in found if visit.started_at <= one.started_at and one.ended_at <= visit.ended_at]
        if (
            visit.ended_at < exact_from
            and pieces
            and min(piece.started_at for piece in pieces) == visit.started_at
            and max(piece.ended_at for piece in pieces) == visit.ended_at
            and sum(piece.events for piece in pieces) == visit.events
            and {piece.status for piece in pieces} == {visit.status}
            and visit.entry_url in {piece.entry_url for piece in pieces}
        ):
            whole = whole.difference(pieces) | {visit}
    return tuple(sorted(whole, key=lambda visit: visit.started_at))


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
