"""Whether components may become one person: limits, vetoes, caps, fan-in and what was forbidden. Pure."""

from collections.abc import Mapping

from identity.judging.standing import Standing
from identity.ledger import Component
from identity.rules import IdentityRules
from schemas.records import Identifier

Values = dict[str, dict[str, int]]
"""Namespace -> value -> since when it belongs to the person, of namespaces of the kind person or with a limit."""


class ProposedMerge:
    """Components that would become one. `is_reviewed`: somebody has accepted the size and the fan-in.

    `at`: time of the event in ms, which sliding limits are counted back from.
    """

    def __init__(self, first: Standing, rules: IdentityRules, at: int, is_reviewed: bool = False) -> None:
        self.components = [first.component]
        self._rules = rules
        self._at = at
        self._is_reviewed = is_reviewed
        self._values = self._values_of(first.component)
        self._forbidden = set(first.forbidden)
        self._size = len(first.component.members)
        self._merges = first.component.merges

    def holds(self, component: Component) -> bool:
        """Tell whether a component is part of it already."""
        return any(component.canonical == held.canonical for held in self.components)

    def add(self, other: Standing) -> None:
        """Take a component in that `refusal` has nothing against."""
        self.components.append(other.component)
        self._forbidden |= other.forbidden
        self._size += len(other.component.members)
        self._merges += other.component.merges + 1
        for namespace, values in self._values_of(other.component).items():
            self._values[namespace] = _united(self._values.get(namespace, {}), values)

    def refusal(self, primary: Standing, other: Standing) -> str:
        """Return why the component of `other`, seen with `primary`, must not be taken in; empty if nothing is against.

        Two persons that only a device ties must not differ in any namespace that both have: a device has many users.
        """
        theirs = self._values_of(other.component)
        by_device = "device" in (self._rules.kind(primary.identifier), self._rules.kind(other.identifier))
        for namespace, values in theirs.items():
            own = self._values.get(namespace)
            if not own:
                continue
            reason = self._broken(namespace, _united(own, values))
            if reason:
                return reason
            if by_device and own.keys().isdisjoint(values) and self._is_person(namespace):
                return f"veto:{namespace}"
        for namespace, values in theirs.items():
            if namespace not in self._values and (reason := self._broken(namespace, values)):
                return reason
        if other.component.canonical in self._forbidden:
            return "forbidden"
        return "" if self._is_reviewed else self._too_much(primary, other)

    def has_person(self, component: Component) -> bool:
        """Tell whether both sides hold an identifier of a person."""
        theirs = self._values_of(component)
        return any(map(self._is_person, theirs)) and any(map(self._is_person, self._values))

    def _broken(self, namespace: str, values: Mapping[str, int]) -> str:
        rule = self._rules.get(namespace)
        if rule is None or len(values) < 2:
            return ""
        if rule.limit is not None:
            begin = None if rule.period_ms is None else self._at - rule.period_ms
            counted = len(values) if begin is None else sum(since > begin for since in values.values())
            if counted > rule.limit:
                return f"limit:{namespace}"
        return f"veto:{namespace}" if rule.unique else ""

    def _too_much(self, primary: Standing, other: Standing) -> str:
        if self._size + len(other.component.members) > self._rules.max_identifiers:
            return "cap:identifiers"
        if self._merges + other.component.merges + 1 > self._rules.max_merges:
            return "cap:merges"
        for end in (primary, other):
            rule = self._rules.get(end.identifier.namespace)
            if rule is not None and not rule.unique and end.fan_in >= self._rules.max_fan_in:
                return "fan_in"
        return ""

    def _values_of(self, component: Component) -> Values:
        by_namespace: Values = {}
        for member in component.members:
            rule = self._rules.get(member.namespace)
            if rule is not None and (rule.kind == "person" or rule.limit is not None or rule.unique):
                by_namespace.setdefault(member.namespace, {})[member.value] = member.since
        return by_namespace

    def _is_person(self, namespace: str) -> bool:
        rule = self._rules.get(namespace)
        return rule is not None and rule.kind == "person"


def policy(primary: Identifier, other: Identifier, rules: IdentityRules) -> str:
    """Return what becomes of a device if a person and the device are seen together; empty for other pairs."""
    kinds = rules.kind(primary), rules.kind(other)
    if kinds == ("person", "device"):
        namespace = rules.get(other.namespace)
    elif kinds == ("device", "person"):
        namespace = rules.get(primary.namespace)
    else:
        return ""
    return "" if namespace is None else namespace.shared


def contradicts(reason: str, rules: IdentityRules) -> bool:
    """Tell whether a refusal says that two persons are meant; too many devices are still one person's."""
    broken, _, name = reason.partition(":")
    namespace = rules.get(name)
    return broken in {"limit", "veto"} and namespace is not None and namespace.kind == "person"


def refusal(merge: ProposedMerge, primary: Standing, other: Standing, rules: IdentityRules) -> str:
    """Return why `other` must not be linked with `primary`; empty if nothing is against it."""
    if other.is_shared or primary.is_shared:
        return "shared"
    reason = merge.refusal(primary, other)
    if contradicts(reason, rules) and policy(primary.identifier, other.identifier, rules) == "first_owner":
        return "first_owner"
    return reason


def _united(own: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return dict(own) | {value: min(since, own.get(value, since)) for value, since in other.items()}
