"""Says which destinations do not hear of whoever is in a segment already, since it names them anew. Pure."""

from definitions import Definitions


def joining_at(former: Definitions, new: Definitions) -> dict[str, tuple[str, ...]]:
    """Return by `segment NAME` what to do about its members at receivers that it has not named so far.

    A receiver that has another name now is none of them; nor has a new segment members of before.
    """
    receiving = [each for each in new.destinations if each.receiver is not None and "entered" in each.changes]
    before = {each.name: set(each.destinations) for each in former.segments}
    found: dict[str, tuple[str, ...]] = {}
    for segment in new.segments:
        named = before.get(segment.name)
        anew = [
            each.name
            for each in receiving
            if named is not None and each.name in segment.destinations and named.isdisjoint(each.names)
        ]
        if anew:
            found[f"segment {segment.name}"] = tuple(map(_advice, anew))
    return found


def _advice(name: str) -> str:
    return (
        f"{name} hears of changes from now on, and not of whoever is in already: "
        f"`onefold destination sync {name} --dry-run` says how many those are, and without `--dry-run` sends them"
    )
