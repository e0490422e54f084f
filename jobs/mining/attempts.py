"""Of two rebuilders of which one does not know that it was replaced, one ends an attempt at a refresh. Pure."""

import msgspec

from definitions.sets import Publication
from definitions.sets.refreshes import Refresh, name_of
from jobs.superseded import Superseded


def begun(publication: Publication, workspace: str, trait: str, refresh: Refresh) -> Refresh:
    """Return a refresh that follows what the topic says, and what it answers. Raises Superseded."""
    name = name_of(workspace, trait)
    former = publication.refreshes.get(name)
    if former is None:
        return msgspec.structs.replace(refresh, number=1, answers=publication.wanted.get(name, 0))
    if former.token > refresh.token:
        raise Superseded("a later process is at work")
    return msgspec.structs.replace(
        refresh,
        number=former.number + 1,
        answers=publication.wanted.get(name, 0),
        succeeded_by=former.succeeded_by,
        succeeded_at=former.succeeded_at,
    )


def ended(publication: Publication, workspace: str, trait: str, refresh: Refresh) -> Refresh:
    """Return what to publish of a refresh at its end. Raises Superseded."""
    former = publication.refreshes.get(name_of(workspace, trait))
    if former is None or not former.is_same(refresh):
        raise Superseded("another process has begun to refresh the trait")
    if refresh.error:
        return refresh
    return msgspec.structs.replace(refresh, succeeded_by=refresh.version, succeeded_at=refresh.queried_at)
