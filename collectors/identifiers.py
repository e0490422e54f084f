"""Reads the identifiers of a call, each with its field.

Leaves to `admission.identifiers` which are usable, and in which spelling.
"""

from collections.abc import Iterator

from admission.fields import kind_of, read_object, read_text
from admission.identifiers import NamedIdentifier, SortedIdentifiers, sort_out
from admission.json_text import JsonObject
from admission.rejection import Rejection
from identity.rules import IdentityRules
from schemas.records import EventType, Identifier

MAX_EXTERNAL_IDS = 1_000  # of one event; those behind are not read

_PLATFORMS = {"ios": "idfa", "ipados": "idfa", "tvos": "idfa", "android": "gaid"}


def read_identifiers(
    call: JsonObject, kind: EventType, context: JsonObject, traits: JsonObject, rules: IdentityRules
) -> SortedIdentifiers:
    """Read the identifiers of a call. `traits` are those of an identify. Raises Rejection if none of them is usable."""
    identifiers = sort_out(rules, _named(call, kind, context, traits, rules))
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
