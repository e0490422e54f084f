"""Says who would stay at a destination when definitions stop sending it: nobody hears of an exit then. Pure."""

from definitions import Definitions
from definitions.destinations import Destination


def staying_at(former: Definitions, new: Definitions) -> dict[str, tuple[str, ...]]:
    """Return by kind and name of what sends people no more, at which receivers they stay, and what to do.

    Of a segment that is removed everybody exits; a destination that is gone hears of nothing.
    """
    before = {each.name: each for each in former.destinations if _holds(each)}
    after = {each.name for each in new.destinations if _holds(each)}
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(before.keys() - after):
        if segments := [each.name for each in former.segments if name in each.destinations]:
            found[f"destination {name}"] = (_of_destination(name, segments),)
    named = {each.name: each.destinations for each in former.segments}
    for segment in new.segments:
        gone = [name for name in named.get(segment.name, ()) if name in after and name not in segment.destinations]
        if texts := tuple(_of_segment(name) for name in gone if name in before):
            found[f"segment {segment.name}"] = texts
    return found


def _holds(destination: Destination) -> bool:
    return destination.receiver is not None and "exited" in destination.changes


def _of_segment(name: str) -> str:
    return f"who was delivered stays at {name} until `onefold destination sync {name}`"


def _of_destination(name: str, segments: list[str]) -> str:
    return (
        f"what {name} holds of {', '.join(segments)} stays there: to empty it, keep it with no segment that names it, "
        f"run `onefold destination sync {name}`, and remove it once that is delivered"
    )
