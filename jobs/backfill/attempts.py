"""Of two rebuilders that back-fill one workspace, because one does not know that it was replaced, one completes. Pure.

Who sends seeds says so first. The seeds of a later attempt take the place of an earlier one's, so the earlier one must
not complete any more: it would have profiles drop what they have.
"""

import msgspec

from definitions.sets import BackfillAttempt, Completion, Publication
from jobs.superseded import Superseded

MOST_LEFT_OUT = 1_000


def begun(publication: Publication, workspace: str, token: int, begun_after: Completion | None) -> BackfillAttempt:
    """Return the attempt that follows what the topic says.

    `begun_after`: what was complete in the workspace when it was decided what is lacking. Raises Superseded.
    """
    if publication.completions.get(workspace) != begun_after:
        raise Superseded("something was completed meanwhile")
    former = publication.attempts.get(workspace, BackfillAttempt(0, 0))
    if former.token > token:
        raise Superseded("a later process back-fills the workspace")
    return BackfillAttempt(token, former.number + 1)


def ended(publication: Publication, workspace: str, attempt: BackfillAttempt, result: Completion) -> Completion:
    """Return what to publish of the result of an attempt. Raises Superseded."""
    if publication.attempts.get(workspace) != attempt:
        raise Superseded("another process has begun to back-fill the workspace")
    former = publication.completions.get(workspace, Completion(0))
    if attempt.name in former.attempts:
        return former  # it was said, and whoever said so did not hear that it was
    left_out = sorted({*former.left_out, *result.left_out})
    return msgspec.structs.replace(
        result, attempts=(*former.attempts, attempt.name), left_out=tuple(left_out[:MOST_LEFT_OUT])
    )
