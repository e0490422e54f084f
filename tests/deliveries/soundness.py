"""What must be true of everything that a receiver has taken, in the order in which it took it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class Taken(NamedTuple):
    """One change that a receiver has taken; `version` orders those of one profile."""

    key: str
    profile_id: str
    segment: str
    change: str
    version: int


def final_members(taken: Iterable[Taken]) -> set[tuple[str, str]]:
    """Return who is in which segment, as a receiver sees it who applies what it takes."""
    members: set[tuple[str, str]] = set()
    for each in taken:
        if each.change == "entered":
            members.add((each.profile_id, each.segment))
        else:
            members.discard((each.profile_id, each.segment))
    return members


def disorder(taken: Iterable[Taken]) -> list[str]:
    """Return what is out of order: of one person, anything that comes after something later, and late repetitions.

    A repetition has the key of what came just before it of this person: nothing else begins before its outcome is kept.
    """
    wrong: list[str] = []
    last: dict[str, Taken] = {}
    keys: dict[str, Taken] = {}
    for each in taken:
        before = last.get(each.profile_id)
        if each.key in keys:
            if before is None or before.key != each.key:
                wrong.append(f"{each} is repeated after {before}")
            if keys[each.key] != each:
                wrong.append(f"{each} has the key of {keys[each.key]}")
        elif before is not None and before.version > each.version:
            wrong.append(f"{each} comes after {before}")
        keys[each.key] = each
        last[each.profile_id] = each
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
