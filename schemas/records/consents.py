"""What profiles have said about being sent things, as PROFILE publishes it whenever it changes."""

import msgspec

from schemas.consent import Status
from schemas.records.values import ProfileKind


class ConsentEntry(msgspec.Struct, frozen=True, gc=False):
    """What counts for a purpose and a channel now; see `schemas.consent`."""

    purpose: str
    channel: str
    status: Status
    since: int
    event: str
    source: str
    text: str = ""
    reason: str = ""


class ConsentChange(msgspec.Struct, frozen=True, gc=False):
    """That what a profile has said has changed; `consent` is all of it, as JSON.

    Written under the profile's id and under those that were merged into it: `current_id` is the profile's own. Of two
    records under one id that of the higher (decision, version) counts.
    """

    workspace: str
    profile_id: str
    profile_kind: ProfileKind
    current_id: str
    decision: int
    version: int
    changed_at: int
    consent: str
    changed: tuple[ConsentEntry, ...] = ()
