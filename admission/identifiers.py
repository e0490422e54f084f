"""Sorts identifiers out: those usable in one spelling, strongest first; the others as they were sent, with the reason.

How values are normalised is `identity.normalise`'s; who belongs together is decided in the streams.
"""

from collections.abc import Iterable
from itertools import chain, islice, repeat
from typing import Literal, NamedTuple, TypeAlias

from admission.json_text import mended
from identity.normalise import EXPLANATIONS, Reason, Unusable, normalise
from identity.rules import MAX_IDENTIFIERS, MAX_NAMESPACE_LENGTH, MAX_VALUE_LENGTH, IdentityRules
from schemas.records import Identifier

UnusedReason: TypeAlias = Reason | Literal["wrong_type", "conflict", "too_many"]

TOO_MANY: Literal["too_many"] = "too_many"
MAX_KEPT = 100  # identifiers of one event, used or not
MAX_SHOWN = 5

_EXPLANATIONS: dict[str, str] = {
    **EXPLANATIONS,
    "wrong_type": "an identifier is a text or a whole number",
    "conflict": "the event has another one, and two of them are never one person",
    "too_many": f"an event has at most {MAX_IDENTIFIERS} identifiers",
}


class NamedIdentifier(NamedTuple):
    """An identifier as it was sent, the field that it stands in, and why it cannot be one if its reader knows that."""

    field: str
    identifier: Identifier
    fault: UnusedReason | None = None


class UnusedIdentifier(NamedTuple):
    """An identifier that counts for nothing, and why."""

    named: NamedIdentifier
    reason: UnusedReason

    def __str__(self) -> str:
        shown = repr(self.named.identifier.value[:50])
        return f"{self.named.field} {shown} is no {self.named.identifier.namespace[:50]}: {_EXPLANATIONS[self.reason]}"


class SortedIdentifiers(NamedTuple):
    """`usable`: in one spelling, strongest first, each once. `accounts`: the same, of accounts. `unused`: as sent.

    `unread`: how many there are that were not looked at.
    """

    usable: tuple[Identifier, ...]
    accounts: tuple[Identifier, ...]
    unused: tuple[UnusedIdentifier, ...]
    unread: int = 0

    def reasons(self) -> tuple[UnusedReason, ...]:
        """Return why identifiers are not used, a reason for each."""
        read: Iterable[UnusedReason] = (unused.reason for unused in self.unused)
        return (*read, *repeat(TOO_MANY, self.unread))

    def why_none(self) -> str:
        """Say of the first few unusable identifiers why they are, where none is usable."""
        shown = "; ".join(map(str, self.unused[:MAX_SHOWN]))
        more = f"; and {len(self.unused) - MAX_SHOWN} more" if len(self.unused) > MAX_SHOWN else ""
        return f"no identifier is usable: {shown}{more}"

    def kept(self, rules: IdentityRules) -> tuple[Identifier, ...]:
        """Return what stays on the event, at most MAX_KEPT, the primary first. The rules use `usable` and no more."""
        unused = (_kept_as_unused(rules, unused.named.identifier) for unused in self.unused)
        return tuple(islice(chain(self.usable, self.accounts, unused), MAX_KEPT))


def sort_out(rules: IdentityRules, sent: Iterable[NamedIdentifier]) -> SortedIdentifiers:
    """Sort out which of the identifiers are usable; the first MAX_IDENTIFIERS by strength are used.

    Of a namespace whose values are unique to a person, the first one sent counts: an event is of one person.
    """
    usable: dict[Identifier, NamedIdentifier] = {}
    unique: dict[str, Identifier] = {}
    unused = []
    for named in sent:
        reason = named.fault
        if reason is None:
            normalised = normalise(rules, named.identifier)
            if isinstance(normalised, Unusable):
                reason = normalised.reason
            elif _is_unique(rules, normalised) and unique.setdefault(normalised.namespace, normalised) != normalised:
                reason = "conflict"
            else:
                usable.setdefault(normalised, named)
        if reason is not None:
            unused.append(UnusedIdentifier(named, reason))
    ranked = sorted(usable, key=rules.rank)
    accounts = [identifier for identifier in ranked if rules.kind(identifier) == "account"]
    others = [identifier for identifier in ranked if rules.kind(identifier) != "account"] if accounts else ranked
    surplus = [*others[MAX_IDENTIFIERS:], *accounts[MAX_IDENTIFIERS:]]
    unused += [UnusedIdentifier(usable[identifier], TOO_MANY) for identifier in surplus]
    return SortedIdentifiers(tuple(others[:MAX_IDENTIFIERS]), tuple(accounts[:MAX_IDENTIFIERS]), tuple(unused))


def _is_unique(rules: IdentityRules, identifier: Identifier) -> bool:
    namespace = rules.get(identifier.namespace)
    return namespace is not None and namespace.unique


def _kept_as_unused(rules: IdentityRules, identifier: Identifier) -> Identifier:
    """Return it as it was sent, but bounded, and such that the rules cannot use it.

    One character over the limit shows that there was more. What only a normaliser refused gets a namespace of its own.
    """
    namespace, value = identifier.namespace[: MAX_NAMESPACE_LENGTH + 1], identifier.value[: MAX_VALUE_LENGTH + 1]
    kept = Identifier(mended(namespace), mended(value))
    return Identifier(f"unused.{kept.namespace}", kept.value) if rules.is_usable(kept) else kept
