"""A decision: the records that follow from one request, and how each of them is written."""

import uuid
from collections.abc import Iterable
from typing import Any

import msgspec

from identity.ledger import Evidence, link_of
from schemas.identity import default_profile_id
from schemas.records import (
    ChangeKind,
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
    """What to publish, in order. `merged`: profiles that gave way to another."""

    links: list[Link] = []
    commands: list[ProfileCommand] = []
    routes: list[Route] = []
    changes: list[IdentityChange] = []
    merged: int = 0

    def count(self, status: LinkStatus) -> int:
        """Count the links that got a status."""
        return sum(link.status == status for link in self.links)


def unchanged(request: IdentityRequest, last_decision: int, rule_version: str, reason: str) -> IdentityChange:
    """Return the answer to a request that changes nothing; it has the number of the decision before it."""
    return IdentityChange(
        request.workspace, last_decision, "nothing", request.occurred_at, request.request_id, request.message_id,
        request.source, rule_version, reason, request.identifiers,
    )  # fmt: skip


class DecisionWriter:
    """Writes what follows from one verdict on a request into the decision, under the number of the verdict."""

    def __init__(
        self, decision: Decision, request: IdentityRequest, namespace: uuid.UUID, rule_version: str, number: int
    ) -> None:
        self.request = request
        self.number = number
        self._decision = decision
        self._namespace = namespace
        self._rule_version = rule_version

    def profile_id(self, canonical: Identifier) -> str:
        """Return the id of the profile whose canonical identifier this is."""
        return default_profile_id(self._namespace, canonical)

    def evidence(self, status: LinkStatus, reason: str, request_id: str) -> Evidence:
        """Return what the event of the request shows."""
        return Evidence(
            self.request.source, self.request.message_id, self.request.occurred_at, self._rule_version, self.number,
            status, reason, request_id,
        )  # fmt: skip

    def decided(self, evidence: Evidence, status: LinkStatus, reason: str) -> Evidence:
        """Return earlier evidence as the request decides it now."""
        return msgspec.structs.replace(
            evidence, decision=self.number, status=status, reason=reason, request_id=self.request.request_id
        )

    def links(self, left: Identifier, right: Identifier, evidence: Iterable[Evidence]) -> None:
        """Publish the evidence of a pair."""
        self._decision.links += (link_of(self.request.workspace, left, right, single) for single in evidence)

    def command(self, canonical: Identifier, command: Command) -> None:
        """Send a command to the profile whose canonical identifier this is, or was."""
        self._decision.commands.append(ProfileCommand.of(self.request.workspace, self.profile_id(canonical), command))

    def route(self, identifier: Identifier, profile_id: str, *, reopen: bool) -> None:
        """Send the later events of an identifier to a profile; an empty id leaves them where they go."""
        self._decision.routes.append(
            Route(
                self.request.workspace, identifier.namespace, identifier.value, profile_id, self.number, reopen=reopen
            )
        )

    def merged(self, profiles: int) -> None:
        """Count the profiles that give way to another."""
        self._decision.merged += profiles

    def nothing(self, reason: str) -> None:
        """Answer that the request changes nothing."""
        self._decision.changes.append(unchanged(self.request, self.number, self._rule_version, reason))

    def change(self, kind: ChangeKind, identifiers: tuple[Identifier, ...], **fields: Any) -> None:
        """Publish a change of who is who; `fields`: of `IdentityChange`, besides those that follow from the request."""
        request = self.request
        self._decision.changes.append(
            IdentityChange(
                request.workspace, self.number, kind, request.occurred_at, request_id=request.request_id,
                message_id=request.message_id, source=request.source, rule_version=self._rule_version,
                identifiers=identifiers, **fields,
            )
        )  # fmt: skip
