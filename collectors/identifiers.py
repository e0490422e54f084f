"""Reads the identifiers of a call, each with its field, in one spelling; unusable ones keep their reason.

How values are normalised is `identity.normalise`'s; who belongs together is decided in the streams.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, islice, repeat
from typing import Literal, NamedTuple, TypeAlias

from collectors.fields import kind_of, read_object, read_text
from collectors.payload import JsonObject
from collectors.rejection import Rejection
from identity.normalise import Reason, Unusable, normalise
from identity.rules import MAX_IDENTIFIERS, MAX_VALUE_LENGTH, IdentityRules
from schemas.records import EventType, Identifier

UnusedReason: TypeAlias = Reason | Literal["too_many"]

TOO_MANY: Literal["too_many"] = "too_many"
MAX_KEPT = 100  # identifiers of one event, used or not
MAX_EXTERNAL_IDS = 1_000  # of one event; those behind are not read
MAX_NAMESPACE_LENGTH = 64
MAX_SHOWN = 5

_PLATFORMS = {"ios": "idfa", "ipados": "idfa", "tvos": "idfa", "android": "gaid"}
_EXPLANATIONS: dict[UnusedReason, str] = {
    "unknown_namespace": "the rules know no such namespace",
    "blocked": "such a value names nobody",
    "malformed": "the value is not well-formed",
    "checksum": "its check digit is wrong",
    "too_long": f"it has more than {MAX_VALUE_LENGTH} characters",
    "unprintable": "it has characters that cannot be printed",
    "too_many": f"an event has at most {MAX_IDENTIFIERS} identifiers",
}


class NamedIdentifier(NamedTuple):
    """An identifier as it was sent, and the field that it stands in."""

    field: str
    identifier: Identifier


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

    def kept(self, rules: IdentityRules) -> tuple[Identifier, ...]:
        """Return what stays on the event, at most MAX_KEPT, the primary first. The rules use `usable` and no more."""
        unused = (_kept_as_unused(rules, unused.named.identifier) for unused in self.unused)
        return tuple(islice(chain(self.usable, self.accounts, unused), MAX_KEPT))


def sort_out(rules: IdentityRules, sent: Iterable[NamedIdentifier]) -> SortedIdentifiers:
    """Sort out which of the identifiers are usable; the first MAX_IDENTIFIERS by strength are used."""
    usable: dict[Identifier, NamedIdentifier] = {}
    unused = []
    for named in sent:
        normalised = normalise(rules, named.identifier)
        if isinstance(normalised, Unusable):
            unused.append(UnusedIdentifier(named, normalised.reason))
        else:
            usable.setdefault(normalised, named)
    ranked = sorted(usable, key=rules.rank)
    accounts = [identifier for identifier in ranked if rules.kind(identifier) == "account"]
    others = [identifier for identifier in ranked if rules.kind(identifier) != "account"] if accounts else ranked
    surplus = [*others[MAX_IDENTIFIERS:], *accounts[MAX_IDENTIFIERS:]]
    unused += [UnusedIdentifier(usable[identifier], TOO_MANY) for identifier in surplus]
    return SortedIdentifiers(tuple(others[:MAX_IDENTIFIERS]), tuple(accounts[:MAX_IDENTIFIERS]), tuple(unused))


def read_identifiers(
    call: JsonObject, kind: EventType, context: JsonObject, traits: JsonObject, rules: IdentityRules
) -> SortedIdentifiers:
    """Read the identifiers of a call. `traits` are those of an identify. Raises Rejection if none of them is usable."""
    identifiers = sort_out(rules, _named(call, kind, context, traits, rules))
    identifiers = identifiers._replace(unread=max(0, external_id_count(context) - MAX_EXTERNAL_IDS))
    if identifiers.usable:
        return identifiers
    unused = identifiers.unused
    if not unused:
        raise Rejection("missing_identifier", "userId or anonymousId is needed", "userId")
    shown = "; ".join(map(str, unused[:MAX_SHOWN]))
    more = f"; and {len(unused) - MAX_SHOWN} more" if len(unused) > MAX_SHOWN else ""
    raise Rejection("missing_identifier", f"no identifier is usable: {shown}{more}", unused[0].named.field)


def external_id_count(context: JsonObject) -> int:
    """Count the external ids that a context lists, well-formed or not."""
    listed = context.get("externalIds")
    return len(listed) if isinstance(listed, list) else 0


def _named(
    call: JsonObject, kind: EventType, context: JsonObject, traits: JsonObject, rules: IdentityRules
) -> Iterator[NamedIdentifier]:
    yield from _texts(call, "", ("user_id", "userId"), ("anonymous_id", "anonymousId"))
    if kind == "alias":
        yield _previous(call, rules)
    if kind == "group":
        yield _group(call)
    yield from _external_ids(context)
    yield from _of_device(context)
    for field in ("email", "phone"):
        value = traits.get(field)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            yield NamedIdentifier(f"traits.{field}", Identifier(field, str(value)))


def _texts(fields: JsonObject, path: str, *wanted: tuple[str, str]) -> Iterator[NamedIdentifier]:
    for namespace, field in wanted:
        value = read_text(fields, field, path)
        if value is not None:
            yield NamedIdentifier(f"{path}{field}", Identifier(namespace, value))


def _previous(call: JsonObject, rules: IdentityRules) -> NamedIdentifier:
    """Read the anonymous id from before somebody had a user id (https://segment.com/docs/connections/spec/alias/).

    Two user ids are never one person, so it is no user id; `NAMESPACE:VALUE` says that it is something else.
    """
    if read_text(call, "userId") is None:
        raise Rejection("missing_field", "an alias call needs the user id that counts from now on", "userId")
    previous = read_text(call, "previousId")
    if previous is None:
        raise Rejection("missing_field", "an alias call needs the id from before", "previousId")
    namespace, separator, value = previous.partition(":")
    if separator and rules.get(namespace) is not None:
        return NamedIdentifier("previousId", Identifier(namespace, value))
    return NamedIdentifier("previousId", Identifier("anonymous_id", previous))


def _group(call: JsonObject) -> NamedIdentifier:
    group = read_text(call, "groupId")
    if group is None:
        raise Rejection("missing_field", "a group call needs the id of its group", "groupId")
    return NamedIdentifier("groupId", Identifier("group_id", group))


def _external_ids(context: JsonObject) -> Iterator[NamedIdentifier]:
    """Yield the external ids of users (https://segment.com/docs/unify/identity-resolution/externalids/)."""
    listed = context.get("externalIds")
    if listed is None:
        return
    if not isinstance(listed, list):
        raise Rejection("invalid_type", f"expected a list, found {kind_of(listed)}", "context.externalIds")
    for index, external in enumerate(listed[:MAX_EXTERNAL_IDS]):
        path = f"context.externalIds.{index}"
        if not isinstance(external, dict):
            raise Rejection("invalid_type", f"expected an object, found {kind_of(external)}", path)
        namespace, value, encoding, collection = (
            read_text(external, name, f"{path}.") for name in ("type", "id", "encoding", "collection")
        )
        if namespace and value and encoding in {None, "none"} and collection in {None, "users"}:
            app = _app(context) if namespace == "openid" and ":" not in value else None
            yield NamedIdentifier(path, Identifier(namespace, f"{app}:{value}" if app else value))


def _app(context: JsonObject) -> str | None:
    app = _object_in(context, "app")
    return read_text(app, "id", "context.app.") or read_text(app, "namespace", "context.app.")


def _of_device(context: JsonObject) -> Iterator[NamedIdentifier]:
    """Yield what names a device, unless tracking is off (https://segment.com/docs/connections/spec/common/#context)."""
    device = _object_in(context, "device")
    if not device:
        return
    platform = device.get("type") or _object_in(context, "os").get("name")
    namespace = _PLATFORMS.get(platform.strip().lower()) if isinstance(platform, str) else None
    if namespace is not None and device.get("adTrackingEnabled") is not False:
        yield from _texts(device, "context.device.", (namespace, "advertisingId"))
    yield from _texts(device, "context.device.", ("push_token", "token"))


def _object_in(context: JsonObject, name: str) -> JsonObject:
    """Return an object of the context; empty where something else stands there, as anything may."""
    return read_object(context, name) if isinstance(context.get(name), dict) else {}


def _kept_as_unused(rules: IdentityRules, identifier: Identifier) -> Identifier:
    """Return it as it was sent, but bounded, and such that the rules cannot use it.

    One character over the limit shows that there was more. What only a normaliser refused gets a namespace of its own.
    """
    namespace, value = identifier.namespace[: MAX_NAMESPACE_LENGTH + 1], identifier.value[: MAX_VALUE_LENGTH + 1]
    kept = Identifier(namespace, value)
    return Identifier(f"unused.{namespace}", value) if rules.is_usable(kept) else kept
