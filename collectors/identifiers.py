"""The identifiers that a call names: userId, anonymousId, context.externalIds and the e-mail address of an identify."""

from collectors.fields import kind_of, read_text
from collectors.payload import JsonObject
from collectors.rejection import Rejection
from schemas import identity
from schemas.records import Identifier


def read_identifiers(call: JsonObject, context: JsonObject, traits: JsonObject) -> tuple[Identifier, ...]:
    """All usable identifiers, strongest first. `traits` are those of an identify. Raises Rejection if there is none."""
    found = list(_external_ids(context))
    for namespace, value in (
        ("user_id", read_text(call, "userId")),
        ("anonymous_id", read_text(call, "anonymousId")),
        ("email", _email(traits)),
    ):
        if value is not None:
            found.append(Identifier(namespace, value))
    usable = identity.usable(found)
    if not usable:
        limits = f"printable and at most {identity.MAX_VALUE_LENGTH} characters long"
        raise Rejection("missing_identifier", f"userId or anonymousId is needed, {limits}", "userId")
    return usable


def _email(traits: JsonObject) -> str | None:
    value = traits.get("email")
    if not isinstance(value, str):
        return None
    address = value.strip().lower()
    name, separator, host = address.rpartition("@")
    return address if separator and name and host and " " not in address else None


def _external_ids(context: JsonObject) -> list[Identifier]:
    """https://segment.com/docs/unify/identity-resolution/externalids/ : other collections than users name no person."""
    listed = context.get("externalIds")
    if listed is None:
        return []
    if not isinstance(listed, list):
        raise Rejection("invalid_type", f"expected a list, found {kind_of(listed)}", "context.externalIds")
    found = []
    for index, external in enumerate(listed):
        path = f"context.externalIds.{index}"
        if not isinstance(external, dict):
            raise Rejection("invalid_type", f"expected an object, found {kind_of(external)}", path)
        namespace, value, encoding, collection = (
            read_text(external, name, f"{path}.") for name in ("type", "id", "encoding", "collection")
        )
        if namespace and value and encoding in {None, "none"} and collection in {None, "users"}:
            found.append(Identifier(namespace, value.lower() if namespace == "email" else value))
    return found
