"""A decision: the records that follow from one request."""

import msgspec

from identity.ledger import Evidence, link_of
from identity.profile_ids import ProfileIds
from schemas.records import (
    ChangeKind,
    Claimant,
    Command,
    Identifier,
    IdentityChange,
    IdentityRequest,
    Link,
    LinkStatus,
    ProfileCommand,
    Route,
)


class Decision(msgspec.Struct):
    """Records for everybody else, in order. `merged`: profiles that gave way to another."""

    links: list[Link] = []
    commands: list[ProfileCommand] = []
    routes: list[Route] = []
    changes: list[IdentityChange] = []
    merged: int = 0

    def count(self, status: LinkStatus) -> int:
        """Count the links that got a status."""
        return sum(link.status == status for link in self.links)


class NewLink(msgspec.Struct, frozen=True, gc=False):
    """Evidence of a pair, as it has become."""

    left: Identifier
    right: Identifier
    evidence: Evidence


class NewRoute(msgspec.Struct, frozen=True, gc=False):
    """The profile of an identifier's later events; an empty id leaves it. `reopen`: its pairs are to be seen anew."""

    identifier: Identifier
    profile_id: str = ""
    reopen: bool = False


class NewChange(msgspec.Struct, frozen=True, gc=False):
    """What the log of changes gets to read, besides what the request says itself."""

    kind: ChangeKind
    identifiers: tuple[Identifier, ...]
    reason: str = ""
    retired: tuple[str, ...] = ()
    profile_id: str = ""
    claimants: tuple[Claimant, ...] = ()


class DecisionEffects(msgspec.Struct):
    """What follows from one verdict outside the ledger, in order, under the number of the decision.

    `commands`: each with the id of its profile. `merged`: profiles that gave way to another.
    """

    number: int
    profiles: ProfileIds
    links: list[NewLink] = []
    commands: list[tuple[str, Command]] = []
    routes: list[NewRoute] = []
    changes: list[NewChange] = []
    merged: int = 0


def add_records(effects: DecisionEffects, request: IdentityRequest, rule_version: str, decision: Decision) -> None:
    """Add the effects of a verdict on a request to the decision, as the records of the contract."""
    workspace, number = request.workspace, effects.number
    decision.links += (link_of(workspace, link.left, link.right, link.evidence) for link in effects.links)
    decision.commands += (ProfileCommand.of(workspace, profile_id, command) for profile_id, command in effects.commands)
    decision.routes += (
        Route(
            workspace, route.identifier.namespace, route.identifier.value, route.profile_id, number, reopen=route.reopen
        )
        for route in effects.routes
    )
    decision.changes += (
        IdentityChange(
            workspace, number, change.kind, request.occurred_at, request.request_id, request.message_id, request.source,
            rule_version, change.reason, change.identifiers, change.retired, change.profile_id, change.claimants,
        )
        for change in effects.changes
    )  # fmt: skip
    decision.merged += effects.merged
