"""Reads the identifiers of a call, each with its field. Whatever stands where one is expected, the others count.

Leaves to `admission.identifiers` which are usable, and in which spelling.
"""

from collections.abc import Iterator

import msgspec

from admission.identifiers import NamedIdentifier, SortedIdentifiers, sort_out
from admission.json_text import JsonObject, JsonValue, NoNumber, excerpt, mended
from admission.rejection import Rejection
from identity.numerals import whole_number
from identity.rules import MAX_VALUE_LENGTH, IdentityRules
from schemas.records import EventType, Identifier

MAX_EXTERNAL_IDS = 1_000  # of one event; those behind are not read
NO_NAMESPACE = "externalIds"  # of entries that say none; no namespace of the rules can have this name

_PLATFORMS = {"ios": "idfa", "ipados": "idfa", "tvos": "idfa", "android": "gaid"}


def read_identifiers(
    call: JsonObject, kind: EventType, context: JsonObject, traits: JsonObject, rules: IdentityRules
) -> SortedIdentifiers:
    """Read the identifiers of a call. `traits` are those of an identify. Raises Rejection if none of them is usable."""
    named = _named(call, kind, context, traits, rules)
    identifiers = sort_out(rules, (identifier for identifier in named if identifier is not None))
    identifiers = identifiers._replace(unread=max(0, external_id_count(context) - MAX_EXTERNAL_IDS))
    if identifiers.usable:
        return identifiers
    if not identifiers.unused:
        raise Rejection("missing_identifier", "userId or anonymousId is needed", "userId")
    raise Rejection("missing_identifier", identifiers.why_none(), identifiers.unused[0].named.field)


def external_id_count(context: JsonObject) -> int:
    """Count the external ids that a context lists, well-formed or not."""
    listed = context.get("externalIds")
    return len(listed) if isinstance(listed, list) else 0


def _named(
    call: JsonObject, kind: EventType, context: JsonObject, traits: JsonObject, rules: IdentityRules
) -> Iterator[NamedIdentifier | None]:
    yield _read(call, "userId", "user_id")
    yield _read(call, "anonymousId", "anonymous_id")
    if kind == "alias":
        yield _previous(call, rules)
    if kind == "group":
        yield _required(call, "groupId", "group_id", "a group call needs the id of its group")
    yield from _external_ids(context)
    yield from _of_device(context)
    yield _read(traits, "email", "email", "traits.")
    yield _read(traits, "phone", "phone", "traits.")


def _read(fields: JsonObject, name: str, namespace: str, path: str = "") -> NamedIdentifier | None:
    """Return the identifier that a field holds; None if it is absent, null or blank."""
    value = fields.get(name)
    if value is None:
        return None
    text = _text(value)
    if text is None:
        return _of_wrong_type(f"{path}{name}", namespace, value)
    return NamedIdentifier(f"{path}{name}", Identifier(namespace, text)) if text else None


def _of_wrong_type(field: str, namespace: str, value: JsonValue) -> NamedIdentifier:
    shown = value.written if isinstance(value, NoNumber) else excerpt(value)
    return NamedIdentifier(field, Identifier(namespace, mended(shown[: MAX_VALUE_LENGTH + 1])), "wrong_type")


def _required(call: JsonObject, name: str, namespace: str, why: str) -> NamedIdentifier:
    """Return the identifier without which the call says nothing. Raises Rejection if it is absent."""
    named = _read(call, name, namespace)
    if named is None:
        raise Rejection("missing_field", why, name)
    return named


def _previous(call: JsonObject, rules: IdentityRules) -> NamedIdentifier:
    """Read the anonymous id from before somebody had a user id (https://segment.com/docs/connections/spec/alias/).

    Two user ids are never one person, so it is no user id; `NAMESPACE:VALUE` says that it is something else.
    """
    _required(call, "userId", "user_id", "an alias call needs the user id that counts from now on")
    previous = _required(call, "previousId", "anonymous_id", "an alias call needs the id from before")
    namespace, separator, value = previous.identifier.value.partition(":")
    if separator and rules.get(namespace) is not None:
        return previous._replace(identifier=Identifier(namespace, value))
    return previous


def _external_ids(context: JsonObject) -> Iterator[NamedIdentifier | None]:
    """Yield the external ids of users (https://segment.com/docs/unify/identity-resolution/externalids/)."""
    listed = context.get("externalIds")
    if not isinstance(listed, list):
        if listed:
            yield _of_wrong_type("context.externalIds", NO_NAMESPACE, listed)
        return
    for index, external in enumerate(listed[:MAX_EXTERNAL_IDS]):
        path = f"context.externalIds.{index}"
        if not isinstance(external, dict):
            yield _of_wrong_type(path, NO_NAMESPACE, external)
        elif _is_absent_or(external, "encoding", "none") and _is_absent_or(external, "collection", "users"):
            named = _read(external, "id", _text(external.get("type")) or NO_NAMESPACE)
            yield named and _of_app(named._replace(field=path), context)


def _is_absent_or(external: JsonObject, name: str, expected: str) -> bool:
    value = external.get(name)
    return value is None or (isinstance(value, str) and value.strip() in {"", expected})


def _of_app(named: NamedIdentifier, context: JsonObject) -> NamedIdentifier:
    """Return an openid with the app that it is of, unless it names one itself."""
    namespace, value = named.identifier.namespace, named.identifier.value
    if namespace != "openid" or ":" in value or named.fault is not None:
        return named
    fields = _object_in(context, "app")
    app = _text(fields.get("id")) or _text(fields.get("namespace"))
    return named._replace(identifier=Identifier(namespace, f"{app}:{value}")) if app else named


def _of_device(context: JsonObject) -> Iterator[NamedIdentifier | None]:
    """Yield what names a device, unless tracking is off (https://segment.com/docs/connections/spec/common/#context)."""
    device = _object_in(context, "device")
    if not device:
        return
    platform = device.get("type") or _object_in(context, "os").get("name")
    namespace = _PLATFORMS.get(platform.strip().lower()) if isinstance(platform, str) else None
    if namespace is not None and device.get("adTrackingEnabled") is not False:
        yield _read(device, "advertisingId", namespace, "context.device.")
    yield _read(device, "token", "push_token", "context.device.")


def _object_in(context: JsonObject, name: str) -> JsonObject:
    """Return an object of the context; empty where something else stands there, as anything may."""
    value = context.get(name)
    return value if isinstance(value, dict) else {}


def _text(value: JsonValue) -> str | None:
    """Return a text, stripped, or the digits of a whole number; None for anything else."""
    if isinstance(value, str):
        return mended(value.strip())
    if isinstance(value, msgspec.Raw):
        return whole_number(bytes(value).decode())
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
