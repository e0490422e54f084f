"""Who is who: decides requests one after the other and says which profiles move where. Pure but for the given store.

Reading requests in order, producing and storing are left to the agent; obeying the commands to PROFILE. The protocol
between the three: docs/decisions/0006-resolve-routes-at-once.md; parting what was one: 0009, and `parting.py`.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from identity.components import Component, Components, Evidence, Store, link_of
from identity.limits import Union
from identity.ownership import SignIns, added, changed, owners
from identity.rules import IdentityRules
from identity.unmerge import Parting
from schemas.identity import default_profile_id
from schemas.records import (
    Claim,
    Claimant,
    Identifier,
    IdentityChange,
    IdentityRequest,
    Link,
    LinkStatus,
    Owner,
    Pair,
    ProfileCommand,
    Route,
    Transfer,
)

_WAITS_FOR_REVIEW = ("cap:", "fan_in")


class Decision(msgspec.Struct):
    """What to publish, in order. `merged`: profiles that gave way to another."""

    links: list[Link] = []
    commands: list[ProfileCommand] = []
    routes: list[Route] = []
    changes: list[IdentityChange] = []
    merged: int = 0

    def count(self, status: LinkStatus) -> int:
        """How many links got this status."""
        return sum(link.status == status for link in self.links)


def decide(request: IdentityRequest, store: Store, workspace_namespace: uuid.UUID, rules: IdentityRules) -> Decision:
    """Decide one request; `identifiers` and pairs must be usable, strongest first. Repeating one changes nothing."""
    graph = _Graph(request, Components(store, request.workspace, rules), workspace_namespace, rules)
    match request.kind:
        case "link":
            devices = graph.sign_in()
            graph.link(request.identifiers)
            graph.assign(devices)
        case "unmerge":
            graph.unmerge()
        case "retract":
            graph.retract()
        case "accept":
            graph.accept()
        case "reject":
            graph.reject()
        case "reattribute":
            graph.reattribute()
        case _:
            graph.nothing("the request is of a kind that this release does not know")
    return graph.decision


def unchanged(request: IdentityRequest, last_decision: int, rule_version: str, reason: str) -> IdentityChange:
    """The answer to a request that changes nothing; it has the number of the decision before it."""
    return IdentityChange(
        request.workspace, last_decision, "nothing", request.occurred_at, request.request_id, request.message_id,
        request.source, rule_version, reason, request.identifiers,
    )  # fmt: skip


class _Graph:
    """One request under decision."""

    def __init__(
        self, request: IdentityRequest, components: Components, namespace: uuid.UUID, rules: IdentityRules
    ) -> None:
        self.decision = Decision(links=[], commands=[], routes=[], changes=[])
        self._request = request
        self._components = components
        self._namespace = namespace
        self._rules = rules
        self._newly_shared: set[Identifier] = set()

    # -- identifiers that were seen together

    def link(self, identifiers: Sequence[Identifier]) -> None:
        """Unite the components of the identifiers as far as the rules allow, and record the evidence.

        The first identifier is the primary, which every other is paired with. A limit that would break drops the
        weakest identifier, until the rest fits; going from the strongest until the first that does not fit is the
        same. https://segment.com/docs/unify/identity-resolution/identity-resolution-settings/ A device on which a
        second person signs in is set aside, dropped or not: it stands alone from then on.
        """
        primary, *others = identifiers
        union = self._union(primary, self._request.occurred_at)
        refused: dict[Identifier, str] = {}
        end = ""
        for other in others:
            component = self._components.of(other, self._request.occurred_at)
            if union.holds(component):
                if component.is_apart(primary, other):
                    refused[other] = "forbidden"
                continue
            if end and not (self._contradicts(end) and self._policy(primary, other)):
                refused[other] = end
                continue
            reason = self._reason(union, component, primary, other)
            if reason in {"first_owner", "shared"}:
                refused[other] = reason
            elif reason is not None and self._is_second_sign_in(union, component, primary, other, reason):
                if self._rules.kind(primary) == "device":
                    self._leave_alone(primary, others)
                    return
                # Without the device, what it was linked with may be another component: begin anew.
                self._share(other, (primary,))
                self.link(identifiers)
                return
            elif end or reason is not None:
                refused[other] = end = end or reason or ""
            else:
                union.add(component)
        self._conclude(primary, others, union, refused)

    def _leave_alone(self, device: Identifier, others: Sequence[Identifier]) -> None:
        """Decide without the strongest identifier: it is a device that turns out to be shared."""
        self._share(device, others)
        self._conclude(device, others, self._union(device, self._request.occurred_at), dict.fromkeys(others, "shared"))
        self.link(others)

    def _reason(self, union: Union, component: Component, primary: Identifier, other: Identifier) -> str | None:
        """Why `other` must not be linked with `primary`, or None."""
        if self._components.is_shared(other) or self._components.is_shared(primary):
            return "shared"
        reason = union.refusal(component, tie=(primary, other))
        if reason is not None and self._policy(primary, other) == "first_owner" and self._contradicts(reason):
            return "first_owner"
        return reason

    def _policy(self, primary: Identifier, other: Identifier) -> str | None:
        """What becomes of the device of a sign-in, of two identifiers of which one is a person's; None for others."""
        kinds = self._rules.kind(primary), self._rules.kind(other)
        if kinds == ("person", "device"):
            namespace = self._rules.get(other.namespace)
        elif kinds == ("device", "person"):
            namespace = self._rules.get(primary.namespace)
        else:
            return None
        return None if namespace is None else namespace.shared

    def _is_second_sign_in(
        self, union: Union, component: Component, primary: Identifier, other: Identifier, reason: str
    ) -> bool:
        if self._policy(primary, other) is None or not self._contradicts(reason):
            return False
        return union.has_person(component)

    def _contradicts(self, reason: str) -> bool:
        """Whether it says that two persons are meant; too many devices are still one person's."""
        broken, _, name = reason.partition(":")
        namespace = self._rules.get(name)
        return broken in {"limit", "veto"} and namespace is not None and namespace.kind == "person"

    def _union(self, identifier: Identifier, at: int, reviewed: bool = False) -> Union:
        return Union(self._components.of(identifier, at), self._components, self._rules, at, reviewed)

    def _conclude(
        self, primary: Identifier, others: Iterable[Identifier], union: Union, refused: dict[Identifier, str]
    ) -> None:
        """Record the evidence of each pair that is new or decided in another way than before, and unite."""
        new: list[tuple[Identifier, LinkStatus, str]] = []
        for other in others:
            reason = refused.get(other, "")
            status: LinkStatus = "active"
            if reason:
                status = "waiting" if reason.startswith(_WAITS_FOR_REVIEW) else "refused"
            known = {one.source: one for one in self._components.evidence(primary, other)}.get(self._request.source)
            # What is in force stays so, even if the pair was forbidden since: only an order takes it back.
            if known is None or known.status not in (status, "active"):
                new.append((other, status, reason))
        if not new:
            return
        number = self._components.next_decision()
        for other, status, reason in new:
            self._record(primary, other, self._evidence_of(primary, other, number, status, reason))
        self._unite(union, number, (primary, *(other for other, status, _ in new if status == "active")))
        for status, kind in (("refused", "refused"), ("waiting", "quarantined")):
            dropped = [(other, reason) for other, found, reason in new if found == status]
            if dropped:
                named = (primary, *(other for other, _ in dropped))
                self._change(kind, number, named, reason=dropped[0][1], profile_id=self._profile_id(primary))

    def _unite(self, union: Union, number: int, named: tuple[Identifier, ...]) -> None:
        if len(union.components) < 2:
            return
        united = self._components.unite(union.components)
        target = self._id(united.canonical)
        retiring = [component for component in union.components if component.canonical != united.canonical]
        self.decision.commands += (
            ProfileCommand.of(
                self._request.workspace,
                self._id(component.canonical),
                Transfer(number, target, component.identifiers),
            )
            for component in retiring
        )
        self.decision.merged += len(retiring)
        retired = tuple(self._id(component.canonical) for component in retiring)
        self._change("merged", number, named, retired=retired, profile_id=target)

    def _share(self, device: Identifier, persons: Sequence[Identifier]) -> None:
        """A second person has signed in on a device: take all its links back, so that it stands alone."""
        number = self._components.next_decision()
        self._newly_shared.add(device)
        is_attributed = bool(self._rules.attributed((device,)))
        self._components.share(device, number, is_attributed)
        parting = self._parting(number, "shared")
        component = self._components.of(device)
        for other in self._components.near(device):
            parting.retract(*self._components.pair(device, other))
        parting.part(component)
        if is_attributed:
            parting.rebuild((device, *(one.identifier for one in self._components.sign_ins(device))))
        self._take(parting)
        self._change("shared", number, (device, *persons), reason="shared", claimants=tuple(parting.claimants))
        if is_attributed:
            self._tell_holders(device, number)

    # -- devices that are handed on

    def sign_in(self) -> dict[Identifier, SignIns]:
        """Remember the event as a sign-in of its person on devices that are handed on; who held them before that.

        An event is one if it says so, or if it is the first of its source to show the two together.
        """
        before: dict[Identifier, SignIns] = {}
        person = next((one for one in self._request.identifiers if self._rules.kind(one) == "person"), None)
        if person is None:
            return before
        for device in self._rules.attributed(self._request.identifiers):
            if self._components.of(person).is_apart(person, device):
                continue  # an operator has said that it is not theirs
            known = {one.source for one in self._components.evidence(person, device)}
            if self._request.signed_in or self._request.source not in known:
                new = Owner(self._request.occurred_at, person.namespace, person.value)
                before[device] = self._components.sign_ins(device)
                self._components.keep_sign_ins(device, added(before[device], device, new))
        return before

    def assign(self, before: Mapping[Identifier, SignIns]) -> None:
        """Say whose the events of shared devices are, where that has changed since `before`."""
        for device, sign_ins in before.items():
            if device in self._newly_shared or not self._components.is_shared(device):
                continue
            held = owners(self._components.sign_ins(device))
            if not self._components.is_attributed(device):
                self._share(device, tuple(one.identifier for one in held))  # it was shared under another policy
            elif changes := changed(owners(sign_ins), held):
                number = self._components.next_decision()
                parting = self._parting(number, "sign_in")
                parting.assign(device)
                parting.warn(device, [loser for loser, _ in changes])
                self._take(parting)
                self._tell_holders(device, number, owners(sign_ins))

    def reattribute(self) -> None:
        """Rebuild persons to whom events of a device were given, or not, before it was known who had signed in."""
        device, *persons = self._request.identifiers
        if not self._components.is_attributed(device):
            self.nothing(f"{device} is no shared device that is handed on")
            return
        number = self._components.next_decision()
        parting = self._parting(number, "sign_in")
        parting.assign(device)
        parting.rebuild(persons)
        self._take(parting)
        named = (device, *persons)
        self._change("reattributed", number, named, reason="sign_in", claimants=tuple(parting.claimants))

    def _tell_holders(self, device: Identifier, number: int, told: SignIns = ()) -> None:
        """Publish who holds a device from when on, but for what was told before."""
        new = [one for one in owners(self._components.sign_ins(device)) if one not in told]
        claims = tuple(
            Claimant(self._id(one.identifier), (Claim(device.namespace, device.value, one.since),)) for one in new
        )
        named = (device, *(one.identifier for one in new))
        self._change("attributed", number, named, profile_id=self._id(device), claimants=claims)

    # -- orders

    def unmerge(self) -> None:
        """Part all identifiers but the first from the first one's person.

        What only they tie to it goes with them, and links among them stay.
        """
        anchor, *split = self._request.identifiers
        component = self._components.of(anchor)
        strangers = [one for one in split if self._components.canonical_of(one) != component.canonical]
        if not split or strangers or anchor in split:
            named = ", ".join(map(str, strangers))
            self.nothing(f"{named} and {anchor} are not one person" if strangers else "nothing is to be parted")
            return
        number = self._components.next_decision()
        parting = self._parting(number, "forbidden" if self._request.forbid else "unmerged")
        stays = self._components.reached(anchor, without=split)
        tied = [(one, other) for one in split for other in self._components.near(one) if other in stays]
        for one, other in tied:
            parting.retract(*self._components.pair(one, other))
        parting.part(component)
        if self._request.forbid:
            for one, other in (*tied, *((one, anchor) for one in split)):
                self._forbid(one, other)
        self._take(parting)
        self._change(
            "unmerged", number, self._request.identifiers, profile_id=self._id(component.canonical),
            reason=self._request.reason, claimants=tuple(parting.claimants),
        )  # fmt: skip

    def retract(self) -> None:
        """Take the evidence of pairs back; every component that comes apart is parted under a number of its own."""
        meant = [pair for pair in self._request.pairs if self._retractable(pair)]
        if not meant:
            self.nothing("no such evidence is in force")
            return
        by_component: dict[Identifier, list[Pair]] = {}
        for pair in meant:
            by_component.setdefault(self._components.canonical_of(pair.left), []).append(pair)
        for canonical, pairs in by_component.items():
            component = self._components.of(canonical)
            number = self._components.next_decision()
            parting = self._parting(number, "forbidden" if self._request.forbid else "retracted")
            for pair in pairs:
                parting.retract(*self._components.pair(pair.left, pair.right), pair.source)
            parting.part(component)
            if self._request.forbid:
                for pair in pairs:
                    self._forbid(pair.left, pair.right)
            self._take(parting)
            self._change(
                "unmerged", number, tuple(dict.fromkeys(end for pair in pairs for end in (pair.left, pair.right))),
                profile_id=self._id(canonical), reason=self._request.reason, claimants=tuple(parting.claimants),
            )  # fmt: skip

    def _retractable(self, pair: Pair) -> bool:
        evidence = self._components.evidence(*self._components.pair(pair.left, pair.right))
        return any(one.status == "active" and pair.source in ("", one.source) for one in evidence)

    def accept(self) -> None:
        """Link what waits for a review, over caps and fan-in; limits and vetoes still hold."""
        for left, right, waiting in self._waiting():
            at = min(one.occurred_at for one in waiting)
            union = self._union(left, at, reviewed=True)
            component = self._components.of(right, at)
            if union.holds(component):
                reason = "forbidden" if component.is_apart(left, right) else None
            else:
                reason = self._reason(union, component, left, right)
            number = self._components.next_decision()
            status: LinkStatus = "active" if reason is None else "refused"
            self._record(left, right, *(self._decided(one, number, status, reason or "") for one in waiting))
            self._change("released" if reason is None else "refused", number, (left, right), reason=reason or "")
            if reason is None and not union.holds(component):
                union.add(component)
                self._unite(union, number, (left, right))

    def reject(self) -> None:
        """Refuse what waits for a review, and keep the two apart from now on."""
        for left, right, waiting in self._waiting():
            number = self._components.next_decision()
            self._record(left, right, *(self._decided(one, number, "refused", "forbidden") for one in waiting))
            self._forbid(left, right)
            self._change("rejected", number, (left, right), reason=self._request.reason)

    def _forbid(self, left: Identifier, right: Identifier) -> None:
        self._components.forbid(left, right, self._request.occurred_at)

    def _waiting(self) -> list[tuple[Identifier, Identifier, list[Evidence]]]:
        found = []
        for pair in self._request.pairs:
            left, right = self._components.pair(pair.left, pair.right)
            waiting = [one for one in self._components.evidence(left, right) if one.status == "waiting"]
            if waiting:
                found.append((left, right, waiting))
        if not found:
            self.nothing("nothing of this waits for a review")
        return found

    def nothing(self, reason: str) -> None:
        """Answer a request that changes nothing."""
        self.decision.changes.append(
            unchanged(self._request, self._components.last_decision(), self._rules.version, reason)
        )

    # -- what is published

    def _parting(self, number: int, reason: str) -> Parting:
        return Parting(self._components, self._request, self._id, number, reason)

    def _take(self, parting: Parting) -> None:
        self.decision.links += parting.links
        self.decision.commands += parting.commands
        self.decision.routes += parting.routes

    def _evidence(self, number: int, status: LinkStatus, reason: str) -> Evidence:
        request = self._request
        return Evidence(
            request.source, request.message_id, request.occurred_at, self._rules.version, number, status, reason
        )

    def _evidence_of(
        self, primary: Identifier, other: Identifier, number: int, status: LinkStatus, reason: str
    ) -> Evidence:
        """What an order has forbidden names that order whenever it is refused again, whatever else is against it."""
        evidence = self._evidence(number, status, reason)
        if status == "refused":
            for known in self._components.evidence(primary, other):
                if known.reason == "forbidden" and known.request_id:
                    return msgspec.structs.replace(evidence, reason="forbidden", request_id=known.request_id)
        return evidence

    def _decided(self, known: Evidence, number: int, status: LinkStatus, reason: str) -> Evidence:
        return msgspec.structs.replace(
            known, decision=number, status=status, reason=reason, request_id=self._request.request_id
        )

    def _record(self, left: Identifier, right: Identifier, *evidence: Evidence) -> None:
        left, right = self._components.pair(left, right)
        self._components.record(left, right, evidence)
        self.decision.links += (link_of(self._request.workspace, left, right, one) for one in evidence)

    def _change(self, kind: str, number: int, identifiers: tuple[Identifier, ...], **fields: object) -> None:
        request = self._request
        self.decision.changes.append(
            IdentityChange(
                request.workspace, number, kind, request.occurred_at,  # type: ignore[arg-type]
                request_id=request.request_id, message_id=request.message_id, source=request.source,
                rule_version=self._rules.version, identifiers=identifiers, **fields,  # type: ignore[arg-type]
            )
        )  # fmt: skip

    def _profile_id(self, identifier: Identifier) -> str:
        return self._id(self._components.canonical_of(identifier))

    def _id(self, canonical: Identifier) -> str:
        return default_profile_id(self._namespace, canonical)
