"""What is said of the refreshes of mined traits: how each went last, and when the next one is due."""

from collections.abc import Iterable, Iterator

import msgspec

from definitions.model import Trait
from definitions.sets import Publication
from definitions.sets.refreshes import Refresh, mined_traits, name_of, next_at
from definitions.streaming.times import text_of
from onefold.wording import count


class RefreshStatus(msgspec.Struct, frozen=True):
    """A mined trait in a workspace. `last`: None if its query never ran; `next_at`: when it is due."""

    workspace: str
    trait: str
    last: Refresh | None
    next_at: str | None


def statuses(publication: Publication, workspaces: Iterable[str], partitions: int) -> Iterator[RefreshStatus]:
    """Yield the mined traits that are in effect, by workspace."""
    for workspace in workspaces:
        evaluated = publication.evaluated(workspace, partitions)
        for trait in () if evaluated is None else mined_traits(evaluated, workspace):
            yield _status(publication, workspace, trait)


def refresh_text(last: Refresh | None) -> str:
    """Say in words what came of a refresh."""
    if last is None:
        return "not queried yet"
    if last.error:
        since = f"the values of {text_of(last.succeeded_at)} stay" if last.succeeded_by else "nobody has a value yet"
        return f"queried at {text_of(last.queried_at)}, which failed: {last.error}; {since}"
    if not last.ended_at:
        return f"queried at {text_of(last.queried_at)}, under way"
    found = [count(last.found, "profile"), f"{last.changed:,} changed", f"{last.lost:,} lost"]
    if last.unknown:
        found.append(f"{count(last.unknown, 'id')} of no profile")
    if last.misfits:
        found.append(f"{count(last.misfits, 'value')} that no trait can have")
    return f"queried at {text_of(last.queried_at)}: {', '.join(found)}"


def status_line(status: RefreshStatus) -> str:
    """Say in one line how it is with a mined trait."""
    due = f"; next at {status.next_at}" if status.next_at else ""
    return f"{status.workspace}: trait {status.trait} {refresh_text(status.last)}{due}"


def _status(publication: Publication, workspace: str, trait: Trait) -> RefreshStatus:
    last = publication.refreshes.get(name_of(workspace, trait.name))
    due = text_of(next_at(last, trait)) if last is not None and last.ended_at else None
    return RefreshStatus(workspace, trait.name, last, due)
