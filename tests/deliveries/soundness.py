"""What must be true of everything that a receiver has taken, in the order in which it took it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class Taken(NamedTuple):
    """One change that a receiver has taken; `version` orders those of one profile, `happened_at` is ISO 8601."""

    key: str
    profile_id: str
    segment: str
    change: str
    version: int
    happened_at: str = ""


def final_members(taken: Iterable[Taken]) -> set[tuple[str, str]]:
    """Return who is in which segment, as a receiver sees it who applies what it takes."""
    members: set[tuple[str, str]] = set()
    for each in taken:
        if each.change == "entered":
            members.add((each.profile_id, each.segment))
        else:
            members.discard((each.profile_id, each.segment))
    return members


def disorder(taken: Iterable[Taken], *, is_replayed: bool = False) -> list[str]:
    """Return what is out of order: of one person, anything that comes after something later, and late repetitions.

    A repetition has the key of what came just before it of this person: nothing else begins before its outcome is kept.
    `is_replayed`: what was refused may have come after what is later, as long as that is about another segment.
    """
    wrong: list[str] = []
    last: dict[tuple[str, str], Taken] = {}
    keys: dict[str, Taken] = {}
    for each in taken:
        line = (each.profile_id, each.segment if is_replayed else "")
        before = last.get(line)
        if each.key in keys:
            if before is None or before.key != each.key:
                wrong.append(f"{each} is repeated after {before}")
            if keys[each.key] != each:
                wrong.append(f"{each} has the key of {keys[each.key]}")
        elif before is not None and before.version > each.version:
            wrong.append(f"{each} comes after {before}")
        keys[each.key] = each
        last[line] = each
    return wrong


def repetitions(taken: Iterable[Taken]) -> list[str]:
    """Return what came under several keys: a receiver that drops what it knows would take it twice."""
    keys: dict[Taken, str] = {}
    wrong = []
    for each in taken:
        key = keys.setdefault(each._replace(key=""), each.key)
        if key != each.key:
            wrong.append(f"{each} came under {key} as well")
    return wrong


def alternation(taken: Sequence[Taken]) -> list[str]:
    """Return exits of somebody who was never sent as a member: the receiver would learn of them."""
    members: set[tuple[str, str]] = set()
    wrong = []
    for each in taken:
        member = (each.profile_id, each.segment)
        if each.change == "entered":
            members.add(member)
        elif member not in members:
            wrong.append(f"{each} was never sent as a member")
    return wrong


def differences(found: set[tuple[str, str]], expected: set[tuple[str, str]]) -> Mapping[str, list[tuple[str, str]]]:
    """Return who is missing, and who should not be there."""
    return {"missing": sorted(expected - found)[:5], "too many": sorted(found - expected)[:5]}
