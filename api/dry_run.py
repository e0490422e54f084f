"""Dry runs: which profiles an unmerge would make, decided on a copy of what the warehouse has; nothing is requested.

It differs from what the request would do by what GRAPH has decided, and the sink has written, since.
"""

from collections.abc import Sequence

import msgspec

from api.identifiers import identity_rules
from api.requests import RequestRefused
from identity.plan.dry_run import try_requests
from schemas.records import Identifier, IdentityRequest
from settings import Settings
from warehouse.client import look_ups
from warehouse.queries.claims import count_claimed
from warehouse.queries.history import MAX_AROUND, History
from warehouse.queries.retention import retained_since, utc_day


class ExpectedProfile(msgspec.Struct, frozen=True):
    """A profile that there would be, and how many events the warehouse has of it now."""

    profile_id: str
    identifiers: tuple[Identifier, ...]
    events: int


class DryRunOutcome(msgspec.Struct, frozen=True):
    """What requests would do; no profile where all stay as they are. `reasons`: why GRAPH would change nothing.

    `dropped_before`: the day before which events were dropped, which the profiles would not have any more.
    """

    profiles: tuple[ExpectedProfile, ...]
    reasons: tuple[str, ...] = ()
    dropped_before: str = ""
    dry_run: bool = True


def dry_run(settings: Settings, requests: Sequence[IdentityRequest]) -> DryRunOutcome:
    """Try requests of one workspace that take evidence back. Raises RequestRefused and OnefoldError."""
    workspace = settings.workspaces[requests[0].workspace]
    warehouse = look_ups(settings.clickhouse)
    history = History(warehouse, workspace.name)
    named = dict.fromkeys(
        identifier
        for request in requests
        for identifier in (*request.identifiers, *(end for pair in request.pairs for end in (pair.left, pair.right)))
    )
    present = history.around(named)
    if present is None:
        message = f"the persons concerned have more than {MAX_AROUND:,} identifiers: too many for a dry run"
        raise RequestRefused("dry_run", message)
    members = dict.fromkeys(end for link in present.active() for end in (link.left, link.right))
    sign_ins = history.sign_ins_with([*named, *members])
    rules = identity_rules(settings.definitions)
    tried = try_requests(requests, present, sign_ins, workspace.namespace, rules)
    events = count_claimed(warehouse, workspace.name, tried.claimants)
    profiles = tuple(
        ExpectedProfile(claimant.profile_id, tried.identifiers[claimant.profile_id], events[claimant.profile_id])
        for claimant in tried.claimants
    )
    since = retained_since(warehouse, workspace.name).get("events")
    return DryRunOutcome(profiles, tried.reasons, "" if since is None else utc_day(since))
