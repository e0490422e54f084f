"""The rules of identifiers as a checked model: which are usable, how strong they are, what one profile may have.

Which identifiers become one profile is left to `judging`, how values are spelt to `normalise`.
"""

import hashlib
from collections.abc import Iterable
from functools import cached_property
from typing import Literal, TypeAlias

import msgspec

from runtime.hints import did_you_mean
from schemas.records import Identifier

Kind: TypeAlias = Literal["person", "device", "session", "account"]
Sharing: TypeAlias = Literal["isolate", "last_login", "first_owner"]

MAX_VALUE_LENGTH = 512
MAX_NAMESPACE_LENGTH = 64
MAX_IDENTIFIERS = 32  # of one event
NORMALISER_NAMES = ("phone", "email", "email_provider", "lower", "id_card", "imei", "openid")


class Namespace(msgspec.Struct, frozen=True):
    """One kind of identifier.

    `limit`: how many values one profile may have, of those first seen within `period_ms` (None: ever). `unique`: two
    different values never belong to one person. `shared`: what becomes of a device on which a second person signs in.
    `normaliser`: a name that `normalise` knows, or None. `blocked`: values that name nobody, in lower case.
    """

    name: str
    kind: Kind = "person"
    limit: int | None = None
    period_ms: int | None = None
    unique: bool = False
    shared: Sharing = "isolate"
    normaliser: str | None = None
    blocked: frozenset[str] = frozenset()


class IdentityRules(msgspec.Struct, frozen=True, dict=True):
    """Namespaces, strongest first; a namespace that is not among them names nobody.

    `max_identifiers` and `max_merges` are of one profile; an identifier
    that would join more than `max_fan_in` profiles in all waits for a review. `region`: of phone numbers without a
    country code, as in ISO 3166-1. `blocked`: values that name nobody in any namespace, in lower case.
    """

    namespaces: tuple[Namespace, ...]
    max_identifiers: int = 1_000
    max_merges: int = 1_000
    max_fan_in: int = 50
    region: str | None = None
    blocked: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._priority: dict[str, int]
        self._named: dict[str, Namespace]
        self._blocked: dict[str, frozenset[str]]
        self._attributed: frozenset[str]
        msgspec.structs.force_setattr(
            self, "_priority", {rule.name: priority for priority, rule in enumerate(self.namespaces)}
        )
        msgspec.structs.force_setattr(self, "_named", {rule.name: rule for rule in self.namespaces})
        msgspec.structs.force_setattr(
            self, "_blocked", {rule.name: _with_quotes(rule.blocked | self.blocked) for rule in self.namespaces}
        )
        attributed = frozenset(rule.name for rule in self.namespaces if rule.shared == "last_login")
        msgspec.structs.force_setattr(self, "_attributed", attributed)

    @cached_property
    def version(self) -> str:
        """Return a fingerprint of all that the rules say: 12 hexadecimal digits, whatever the order of sets."""
        return hashlib.blake2b(msgspec.json.encode(self, order="sorted"), digest_size=6).hexdigest()

    def get(self, namespace: str) -> Namespace | None:
        """Return the rules of a namespace, or None for one that is not defined."""
        return self._named.get(namespace)

    def kind(self, identifier: Identifier) -> Kind | None:
        """Return what an identifier names; None if its namespace is not defined."""
        namespace = self._named.get(identifier.namespace)
        return None if namespace is None else namespace.kind

    def epoch(self, occurred_at: int) -> int:
        """Return a number that changes twice in the shortest period of a limit: what was refused may then be tied."""
        return 0 if self._shortest_ms is None else occurred_at * 2 // self._shortest_ms

    @cached_property
    def _shortest_ms(self) -> int | None:
        return min((rule.period_ms for rule in self.namespaces if rule.period_ms is not None), default=None)

    def attributed(self, identifiers: Iterable[Identifier]) -> tuple[Identifier, ...]:
        """Return the devices whose events, once they are shared, belong to whoever signed in last."""
        if not self._attributed:
            return ()
        return tuple(identifier for identifier in identifiers if identifier.namespace in self._attributed)

    def rank(self, identifier: Identifier) -> tuple[int, str, str]:
        """Return a sort key: the smallest of a profile is its canonical identifier. Undefined namespaces come last."""
        return (
            self._priority.get(identifier.namespace, len(self.namespaces)),
            identifier.namespace,
            identifier.value,
        )

    def is_blocked(self, identifier: Identifier) -> bool:
        """Tell whether the value, in whatever case and also in quotes, names nobody in its namespace."""
        return identifier.value.lower() in self._blocked[identifier.namespace]

    def is_usable(self, identifier: Identifier) -> bool:
        """Tell whether its namespace is defined, and its value printable, not blank, not over-long and not blocked."""
        value = identifier.value
        blocked = self._blocked.get(identifier.namespace)
        return blocked is not None and is_well_formed(value) and not value.isspace() and value.lower() not in blocked

    def why_unusable(self, identifier: Identifier) -> str:
        """Return why an identifier names no person and no device, for people; empty if it does."""
        namespace = self.get(identifier.namespace)
        if namespace is None:
            hint = did_you_mean(identifier.namespace, self._named)
            return f"there is no namespace {identifier.namespace!r}" + (f" ({hint})" if hint else "")
        if namespace.kind == "account":
            return f"{identifier.namespace} names an account, and no person"
        if self.is_usable(identifier):
            return ""
        if self.is_blocked(identifier):
            return f"{str(identifier)!r} names nobody: the rules block this value"
        return _why_ill_formed(identifier)

    def usable(self, identifiers: Iterable[Identifier]) -> tuple[Identifier, ...]:
        """Return the usable identifiers, strongest first, each once, at most MAX_IDENTIFIERS; no accounts."""
        kept = [
            identifier
            for identifier in identifiers
            if self.is_usable(identifier) and self._named[identifier.namespace].kind != "account"
        ]
        if len(kept) > 1:
            kept = sorted(set(kept), key=self.rank)[:MAX_IDENTIFIERS]
        return tuple(kept)


def _why_ill_formed(identifier: Identifier) -> str:
    if len(identifier.value) > MAX_VALUE_LENGTH:
        return f"a value of {identifier.namespace} has at most {MAX_VALUE_LENGTH} characters"
    if not identifier.value.strip():
        return f"a value of {identifier.namespace} is not blank"
    return f"{str(identifier)!r} names nobody: it has characters that cannot be printed"


def is_well_formed(value: str) -> bool:
    """Tell whether a value could be an identifier's under some rules: printable, not empty, not over-long."""
    return 0 < len(value) <= MAX_VALUE_LENGTH and is_printable(value)


def is_printable(value: str) -> bool:
    """Tell whether nothing in a value is a control character, invisible, half a surrogate pair, or lost (U+FFFD)."""
    return value.isprintable() and "\ufffd" not in value


def _with_quotes(values: frozenset[str]) -> frozenset[str]:
    """Return values bare and in quotes, as programs send them that encode a text twice, and the quotes around none."""
    return values.union(*((f"'{value}'", f'"{value}"') for value in (*values, "")))


# What programs write for "no value", also in tables and spreadsheets, names of fields that were sent for their values,
# what people type to get past a field, and zeros up to the length of an IMEI or a UUID. Not here: `test` or `na`, which
# are names of accounts and of people.
_NO_VALUES = frozenset(
    {"null", "(null)", "<null>", "none", "nil", "<nil>", "nan", "nat", "undefined", "unknown", "true", "false"}
    | {"n/a", "#n/a", "<na>", "#null!", "#ref!", "#value!", "#name?", "\\n", "-", "-1", "(none)", "(not set)"}
    | {"[object object]", "{}", "[]", "anonymous", "guest", "not_authenticated", "id", "email"}
    | {"distinct_id", "distinctid", "user_id", "userid", "anonymous_id", "anonymousid"}
    | {"0" * length for length in (*range(1, 21), 32)}
    | {"00000000-0000-0000-0000-000000000000"}
)
_PLACEHOLDER_EMAILS = frozenset(
    {"test@test.com", "test@test.cn", "test@test.test", "test@example.com", "test@example.org", "user@example.com"}
    | {"email@example.com", "example@example.com", "noemail@noemail.com", "none@none.com", "null@null.com"}
    | {"a@a.com", "a@b.com", "abc@abc.com", "asdf@asdf.com"}
)
# The number that recharges a prepaid card of China Mobile: what forms show as an example and testers type.
_PLACEHOLDER_PHONES = frozenset({"13800138000", "+8613800138000"})

DEFAULT_RULES = IdentityRules(
    namespaces=(
        Namespace("user_id", limit=1, unique=True),
        Namespace("id_card", limit=1, unique=True, normaliser="id_card"),
        Namespace("unionid", limit=1, unique=True),
        Namespace("phone", limit=3, normaliser="phone", blocked=_PLACEHOLDER_PHONES),
        Namespace("email", limit=5, normaliser="email", blocked=_PLACEHOLDER_EMAILS),
        Namespace("openid", limit=10, normaliser="openid"),
        Namespace("external_id", limit=10),
        Namespace("idfa", kind="device", normaliser="lower"),
        Namespace("gaid", kind="device", normaliser="lower"),
        Namespace("imei", kind="device", normaliser="imei"),
        Namespace("push_token", kind="device"),
        Namespace("cookie", kind="device"),
        Namespace("anonymous_id", kind="device"),
        Namespace("session_id", kind="session"),
        Namespace("group_id", kind="account"),
    ),
    blocked=_NO_VALUES,
)
