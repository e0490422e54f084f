"""GRAPH's decisions of one workspace as tests request them, over a store that counts its writes."""

import uuid
from collections.abc import Iterable
from typing import TypeVar

from identity.decide import decide
from identity.decision import Decision
from identity.ledger import Component, Ledger
from identity.rules import IdentityRules, Namespace
from schemas.identity import default_profile_id, device_profile_id
from schemas.records import (
    Command,
    Identifier,
    IdentityChange,
    IdentityRequest,
    Link,
    Pair,
    ProfileCommand,
    RequestKind,
    Route,
)

NAMESPACE = uuid.UUID("6f1c2f5e-8f5b-4a4e-9d54-0c8f3a3f1c01")
AT = 1_700_000_000_000

Sent = TypeVar("Sent", bound=Command)


def plain(max_identifiers: int = 1_000, one_user: bool = True) -> IdentityRules:
    """Rules under which nothing but the user id is limited and nothing is a device: merging alone."""
    user = Namespace("user_id", limit=1, unique=True) if one_user else Namespace("user_id")
    others = (Namespace("email"), Namespace("cookie"), Namespace("anonymous_id"))
    return IdentityRules((user, *others), max_identifiers=max_identifiers)


PLAIN = plain()
PLAIN_NAMESPACES = tuple(namespace.name for namespace in PLAIN.namespaces)


class Table(dict[bytes, bytes]):
    """A store that counts its writes."""

    writes = 0

    def put(self, key: bytes, value: bytes | None) -> None:
        self.writes += 1
        if value is None:
            self.pop(key, None)
        else:
            self[key] = value


class Graph:
    """One workspace's decisions, kept in order."""

    def __init__(self, rules: IdentityRules = PLAIN, workspace: str = "main", table: Table | None = None) -> None:
        self.table = Table() if table is None else table
        self.decisions: list[Decision] = []
        self.rules = rules
        self.ledger = Ledger(self.table, workspace, rules.rank)
        self._workspace = workspace

    # -- requests

    def together(self, *identifiers: Identifier, message_id: str = "m", source: str = "shop", at: int = AT) -> Decision:
        """Decide on an event with these identifiers."""
        return self.decide(IdentityRequest(self._workspace, message_id, source, at, self.rules.usable(identifiers)))

    def sign_in(self, *identifiers: Identifier, at: int = AT) -> Decision:
        """Decide on an identify with these identifiers."""
        usable = self.rules.usable(identifiers)
        return self.decide(IdentityRequest(self._workspace, "m", "shop", at, usable, signed_in=True))

    def unmerge(self, anchor: Identifier, *split: Identifier, forbid: bool = False) -> Decision:
        return self.by_operator("unmerge", (anchor, *split), forbid=forbid)

    def retract(self, *pairs: Pair, forbid: bool = False) -> Decision:
        return self.by_operator("retract", pairs=pairs, forbid=forbid)

    def accept(self, *pairs: Pair) -> Decision:
        return self.by_operator("accept", pairs=pairs)

    def refuse(self, *pairs: Pair) -> Decision:
        return self.by_operator("refuse", pairs=pairs)

    def merge(self, *pairs: Pair) -> Decision:
        return self.by_operator("merge", pairs=pairs)

    def allow(self, *pairs: Pair) -> Decision:
        return self.by_operator("allow", pairs=pairs)

    def by_operator(
        self,
        kind: RequestKind,
        identifiers: tuple[Identifier, ...] = (),
        *,
        pairs: Iterable[Pair] = (),
        forbid: bool = False,
    ) -> Decision:
        """Decide a request of an operator."""
        return self.decide(
            IdentityRequest(
                self._workspace, "", "operator", AT, identifiers, kind, f"request {len(self.decisions)}",
                "it was wrong", forbid, tuple(pairs),
            )
        )  # fmt: skip

    def decide(self, request: IdentityRequest) -> Decision:
        decision = decide(request, self.table, NAMESPACE, self.rules)
        self.decisions.append(decision)
        return decision

    # -- what came of them

    def canonical_of(self, identifier: Identifier) -> Identifier:
        return self.ledger.components.canonical_of(identifier)

    def component(self, identifier: Identifier) -> Component:
        return self.ledger.components.of(identifier)

    def are_one(self, *identifiers: Identifier) -> bool:
        return len(set(map(self.canonical_of, identifiers))) == 1

    def evidence(self, left: Identifier, right: Identifier) -> list[tuple[str, str, str]]:
        """Return source, status and reason of what each source has shown."""
        evidence = self.ledger.links.evidence(left, right)
        return [(single.source, single.status, single.reason) for single in evidence]

    def canonicals(self, pool: Iterable[Identifier]) -> dict[Identifier, Identifier]:
        return {identifier: self.canonical_of(identifier) for identifier in pool}

    @property
    def commands(self) -> list[ProfileCommand]:
        return [command for decision in self.decisions for command in decision.commands]

    @property
    def links(self) -> list[Link]:
        return [link for decision in self.decisions for link in decision.links]

    @property
    def routes(self) -> list[Route]:
        return [route for decision in self.decisions for route in decision.routes]

    @property
    def changes(self) -> list[IdentityChange]:
        return [change for decision in self.decisions for change in decision.changes]


def profile_of(identifier: Identifier) -> str:
    """Return its default profile."""
    return default_profile_id(NAMESPACE, identifier)


def device_profile_of(device: Identifier) -> str:
    """Return the profile of a device that was found to be shared."""
    return device_profile_id(NAMESPACE, device)


def sent(decision: Decision, kind: type[Sent]) -> list[tuple[str, Sent]]:
    """Return the commands of a kind with the profiles that they go to, in order."""
    return [(command.profile_id, command.command) for command in decision.commands if isinstance(command.command, kind)]


def outcomes(decision: Decision) -> list[tuple[Identifier, str, str]]:
    """Return of each link the weaker end, the status and the reason."""
    return [(link.right, link.status, link.reason) for link in decision.links]


def kinds(decision: Decision) -> list[str]:
    """Return the kinds of its changes."""
    return [change.kind for change in decision.changes]
