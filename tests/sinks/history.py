"""A workspace's history of who is who, as GRAPH decides it and as the sink writes it."""

import uuid
from collections.abc import Iterable

import msgspec

from identity.decide import decide
from identity.ledger import Ledger
from identity.profile_ids import ProfileIds
from identity.rules import DEFAULT_RULES, IdentityRules
from schemas import topics
from schemas.identity import default_profile_id, device_profile_id, kind_of
from schemas.records import Event, Identifier, IdentityChange, IdentityRequest, Link, Pair, Profile, RequestKind
from tests.sinks.examples import NOW, Placed, insert, placed, resolved
from warehouse.client import Warehouse

NAMESPACE = uuid.UUID("6f1c2f5e-8f5b-4a4e-9d54-0c8f3a3f1c01")
START = 1_772_352_000_000  # 2026-03-01T08:00:00Z
MINUTE_MS = 60_000
FAMILY_RULES = msgspec.structs.replace(DEFAULT_RULES, max_fan_in=3)


class Table(dict[bytes, bytes]):
    """A store in memory."""

    def put(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.pop(key, None)
        else:
            self[key] = value


def named(text: str) -> Identifier:
    """The identifier of NAMESPACE:VALUE."""
    namespace, _, value = text.partition(":")
    return Identifier(namespace, value)


def profile_of(identifier: str) -> str:
    """The id of the profile of which an identifier is the canonical one."""
    return default_profile_id(NAMESPACE, named(identifier))


def device_profile_of(device: str) -> str:
    """The id of the profile of a device that is shared."""
    return device_profile_id(NAMESPACE, named(device))


class History:
    """Events a minute apart and operators' requests, decided one after the other; `write` brings them to ClickHouse."""

    def __init__(self, workspace: str, rules: IdentityRules = DEFAULT_RULES) -> None:
        self.workspace = workspace
        self._rules = rules
        self._table = Table()
        self._known: dict[Identifier, None] = {}
        self._written: list[Placed] = []
        self._requests = 0

    def event(
        self, message_id: str, *identifiers: str, name: str | None = None, source: str = "web", kind: str = "identify"
    ) -> None:
        """An event with these identifiers, the strongest first."""
        names = tuple(map(named, identifiers))
        self._known |= dict.fromkeys(names)
        at = self._next_time()
        record = Event(self.workspace, source, message_id, kind, name, at, None, at, names)  # type: ignore[arg-type]
        profile_id = default_profile_id(NAMESPACE, names[0])
        self._written.append(resolved(record, self._requests, profile_id))
        if len(names) > 1:
            self._decide(IdentityRequest(self.workspace, message_id, source, at, names))

    def unmerge(self, request_id: str, *identifiers: str, reason: str = "", forbid: bool = False) -> None:
        """An operator unmerges all identifiers but the first from the first one's person; the rebuilder follows."""
        self.operator("unmerge", request_id, *identifiers, reason=reason, forbid=forbid)

    def operator(
        self,
        kind: RequestKind,
        request_id: str,
        *identifiers: str,
        pairs: Iterable[Pair] = (),
        reason: str = "",
        forbid: bool = False,
    ) -> None:
        """An operator requests something; the rebuilder follows."""
        names = tuple(map(named, identifiers))
        at = self._next_time()
        self._known |= dict.fromkeys(names)
        self._decide(
            IdentityRequest(self.workspace, "", "operator", at, names, kind, request_id, reason, forbid, tuple(pairs))
        )

    def write(self, warehouse: Warehouse) -> None:
        """Everything so far, with the profiles that come of it."""
        ledger = Ledger(self._table, self.workspace, self._rules.rank)
        components, profiles = ledger.components, ProfileIds(NAMESPACE, ledger.devices)
        for component in {components.of(one).canonical: components.of(one) for one in self._known}.values():
            self._written.append(
                placed(
                    topics.PROFILES,
                    Profile(
                        workspace=self.workspace,
                        profile_id=profiles.of(component.canonical),
                        kind=kind_of(profiles.of(component.canonical)),
                        version=1,
                        updated_at=START,
                        traits="{}",
                        events=1,
                        identifiers=component.identifiers,
                        decision=ledger.last_decision(),
                    ),
                    len(self._written),
                )
            )
        insert(warehouse, self._written)

    def _decide(self, request: IdentityRequest) -> None:
        decision = decide(request, self._table, NAMESPACE, self._rules)
        self._publish(topics.IDENTITY_LINKS, decision.links)
        self._publish(topics.IDENTITY_CHANGES, decision.changes)
        rebuilt = [
            IdentityChange(
                change.workspace, change.decision, "rebuilt", change.occurred_at, request_id=change.request_id,
                events=1204, milliseconds=1520,
            )
            for change in decision.changes
            if change.claimants
        ]  # fmt: skip
        self._publish(topics.IDENTITY_CHANGES, rebuilt)

    def _publish(self, topic: str, records: Iterable[object]) -> None:
        for record in records:
            self._written.append(placed(topic, record, len(self._written)))  # type: ignore[arg-type]

    def _next_time(self) -> int:
        self._requests += 1
        return START + self._requests * MINUTE_MS


def tie(workspace: str, left: Identifier, right: Identifier, decision: int = 1, **fields: object) -> Link:
    """One source's evidence that two identifiers are one person's."""
    given: dict[str, object] = {"message_id": "m", "source": "web", "occurred_at": NOW, "rule_version": "default"}
    return Link(workspace, left, right, decision=decision, **(given | fields))  # type: ignore[arg-type]


def family(workspace: str) -> History:
    """The guide's story: Ada and Ben share a tablet, an import mixes people up, a call centre gives its own number."""
    history = History(workspace, FAMILY_RULES)
    history.event("m1", "user_id:ada", "email:ada@example.com", "anonymous_id:laptop")
    history.event("m2", "user_id:ada", "anonymous_id:tablet", name="Signed In", kind="track", source="app")
    history.event("m3", "user_id:ben", "anonymous_id:tablet", name="Signed In", kind="track", source="app")
    history.event("m4", "user_id:ada", "external_id:crm-7", source="crm")
    history.event("m5", "user_id:eve", "email:ada@example.com", source="crm")
    history.unmerge("r1", "user_id:ada", "external_id:crm-7", reason="shifted columns")
    for number in range(1, 5):
        history.event(f"c{number}", "phone:+498001000", f"email:caller{number}@example.com", source="calls")
    return history
