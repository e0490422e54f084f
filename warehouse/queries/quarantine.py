"""Finds what waits for a review: links that a cap or a suspicious fan-in held back."""

from collections.abc import Mapping

import msgspec

from schemas.records import Identifier
from warehouse.client import Warehouse
from warehouse.queries.links import Links, ShownLink

LINKS_SHOWN = 1_000


class LinkEnd(msgspec.Struct, frozen=True):
    """One end of a link, and the profile that it belongs to now; None when no profile has claimed it."""

    namespace: str
    value: str
    profile_id: str | None


class WaitingLink(msgspec.Struct, frozen=True):
    """A link that waits, with the event that showed it; `type` and `event` are None if it is not (yet) here."""

    decision: int
    left: LinkEnd
    right: LinkEnd
    reason: str
    source: str
    occurred_at: str
    message_id: str
    type: str | None
    event: str | None
    rule_version: str


class Quarantine(msgspec.Struct, frozen=True):
    """The links that wait, by decision. `cut`: there are more."""

    workspace: str
    waiting: tuple[WaitingLink, ...]
    cut: bool


def find_quarantine(warehouse: Warehouse, workspace: str, limit: int = LINKS_SHOWN) -> Quarantine:
    """Find everything that waits for a review."""
    links = Links(warehouse, workspace)
    waiting = links.waiting(limit + 1)
    shown = waiting[:limit]
    profile_ids = links.profile_ids(dict.fromkeys(end for link in shown for end in (link.left, link.right)))
    return Quarantine(workspace, tuple(_waiting(link, profile_ids) for link in shown), len(waiting) > limit)


def _waiting(link: ShownLink, profile_ids: Mapping[Identifier, str]) -> WaitingLink:
    left, right = (LinkEnd(end.namespace, end.value, profile_ids.get(end)) for end in (link.left, link.right))
    return WaitingLink(
        link.decision, left, right, link.reason, link.source, link.occurred_at, link.message_id, link.type, link.event,
        link.rule_version,
    )  # fmt: skip
