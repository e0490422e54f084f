"""Says who would stay at a destination when definitions stop sending it, or lead it elsewhere. Pure.

Nobody hears of an exit then: what was delivered is known, not where to.
"""

from collections.abc import Iterator

from definitions import Definitions
from definitions.destinations import Destination
from definitions.shared_places import place_of


def staying_at(former: Definitions, new: Definitions) -> dict[str, tuple[str, ...]]:
    """Return by kind and name of what sends people no more, at which receivers they stay, and what to do.

    Of a segment that is removed everybody exits; a destination that is gone hears of nothing. One that is renamed, and
    says so, goes on.
    """
    before = {each.name: each for each in former.destinations if _holds(each)}
    after = [each for each in new.destinations if _holds(each)]
    current = {each.name: other.name for each in before.values() for other in after if _goes_on(each, other)}
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(before.keys() - current.keys()):
        if segments := [each.name for each in former.segments if name in each.destinations]:
            found[f"destination {name}"] = tuple(_of_destination(before[name], segments, former, after))
    named = {each.name: each.destinations for each in former.segments}
    for segment in new.segments:
        left = [current[name] for name in named.get(segment.name, ()) if name in current]
        if texts := tuple(_of_segment(name) for name in left if name not in segment.destinations):
            found[f"segment {segment.name}"] = texts
    return found


def left_behind(former: Definitions, new: Definitions) -> dict[str, str]:
    """Return by name of a destination that keeps people elsewhere from now on what comes of that, and what to do.

    Of another address or secret nobody knows whether it is of another place.
    """
    before = {name: each for each in former.destinations for name in each.names}
    found: dict[str, str] = {}
    for each in new.destinations:
        was = before.get(each.name) or before.get(each.kept_as)
        named = {segment.name for segment in new.segments if each.name in segment.destinations}
        segments = [
            segment.name
            for segment in former.segments
            if was is not None and was.holds == "states"
            if was.name in segment.destinations and segment.name in named
            if place_of(was, segment.name) not in {None, place_of(each, segment.name)}
        ]
        if segments:
            found[each.name] = (
                f"unless {each.name} leads to the same place by another address or secret, who is in "
                f"{', '.join(segments)} stays where it has led so far, and is not sent to where it leads now, as "
                "`sync` goes by what was delivered: give the new place a destination with a name of its own, without "
                "`renamed_from`"
            )
    return found


def _holds(destination: Destination) -> bool:
    return destination.receiver is not None and "exited" in destination.changes


def _goes_on(former: Destination, new: Destination) -> bool:
    """Return whether one remembers what the other did."""
    return new.kept_as == former.kept_as and former.name in new.names


def _of_segment(name: str) -> str:
    return f"who was delivered stays at {name} until `onefold destination sync {name}`"


def _of_destination(
    destination: Destination, segments: list[str], former: Definitions, after: list[Destination]
) -> Iterator[str]:
    name = destination.name
    yield (
        f"what {name} holds of {', '.join(segments)} stays there: to empty it, keep it with no segment that names it, "
        f"run `onefold destination sync {name}`, and remove it once that is delivered"
    )
    known = {each.name for each in former.destinations} - {name}
    others = [each.name for each in after if each.name not in known and each.type == destination.type]
    if others:
        names = ", ".join(destination.names)
        yield f"if it is called {' or '.join(others)} now, write `renamed_from: [{names}]` there"
