"""Whether components may become one person: limits, vetoes, caps, fan-in and what was forbidden."""

from collections.abc import Mapping

from identity.components import Component, Components
from identity.rules import IdentityRules
from schemas.records import Identifier

Values = dict[str, dict[str, int]]
"""Namespace -> value -> since when it belongs to the person, of namespaces of the kind person or with a limit."""


class Union:
    """Components that would become one. `reviewed`: somebody has accepted the size and the fan-in.

    `at`: time of the event in ms, which sliding limits are counted back from.
    """

    def __init__(
        self, first: Component, components: Components, rules: IdentityRules, at: int, reviewed: bool = False
    ) -> None:
        self.components = [first]
        self._stored = components
        self._rules = rules
        self._at = at
        self._reviewed = reviewed
        self._values = self._of(first)
        self._size = len(first.members)
        self._merges = first.merges

    def holds(self, component: Component) -> bool:
        """Whether a component is part of it already."""
        return any(component.canonical == one.canonical for one in self.components)

    def add(self, component: Component) -> None:
        """Take a component in that `refusal` has nothing against."""
        self.components.append(component)
        self._size += len(component.members)
        self._merges += component.merges + 1
        for namespace, values in self._of(component).items():
            self._values[namespace] = _united(self._values.get(namespace, {}), values)

    def refusal(self, component: Component, tie: tuple[Identifier, Identifier]) -> str | None:
        """Why a component must not be taken in, or None. `tie`: the two identifiers that were seen together.

        Two persons that only a device ties must not differ in any namespace that both have: a device has many users.
        """
        theirs = self._of(component)
        by_device = "device" in (self._rules.kind(tie[0]), self._rules.kind(tie[1]))
        for namespace, values in theirs.items():
            own = self._values.get(namespace)
            if not own:
                continue
            reason = self._broken(namespace, _united(own, values))
            if reason is not None:
                return reason
            if by_device and own.keys().isdisjoint(values) and self._is_person(namespace):
                return f"veto:{namespace}"
        for namespace, values in theirs.items():
            if namespace not in self._values and (reason := self._broken(namespace, values)) is not None:
                return reason
        if any(self._stored.are_forbidden(one, component) for one in self.components):
            return "forbidden"
        return None if self._reviewed else self._too_much(component, tie)

    def has_person(self, component: Component) -> bool:
        """Whether both sides hold an identifier of a person."""
        theirs = self._of(component)
        return any(map(self._is_person, theirs)) and any(map(self._is_person, self._values))

    def _broken(self, namespace: str, values: Mapping[str, int]) -> str | None:
        rule = self._rules.get(namespace)
        if rule is None or len(values) < 2:
            return None
        if rule.limit is not None:
            begin = None if rule.period_ms is None else self._at - rule.period_ms
            counted = len(values) if begin is None else sum(since > begin for since in values.values())
            if counted > rule.limit:
                return f"limit:{namespace}"
        return f"veto:{namespace}" if rule.unique else None

    def _too_much(self, component: Component, tie: tuple[Identifier, Identifier]) -> str | None:
        if self._size + len(component.members) > self._rules.max_identifiers:
            return "cap:identifiers"
        if self._merges + component.merges + 1 > self._rules.max_merges:
            return "cap:merges"
        for end in tie:
            rule = self._rules.get(end.namespace)
            if rule is not None and not rule.unique and len(self._stored.near(end)) >= self._rules.max_fan_in:
                return "fan_in"
        return None

    def _of(self, component: Component) -> Values:
        found: Values = {}
        for member in component.members:
            rule = self._rules.get(member.namespace)
            if rule is not None and (rule.kind == "person" or rule.limit is not None or rule.unique):
                found.setdefault(member.namespace, {})[member.value] = member.since
        return found

    def _is_person(self, namespace: str) -> bool:
        rule = self._rules.get(namespace)
        return rule is not None and rule.kind == "person"


def _united(own: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return dict(own) | {value: min(since, own.get(value, since)) for value, since in other.items()}
