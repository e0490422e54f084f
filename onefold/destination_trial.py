"""One delivery for somebody, sent at once: what a destination would be sent, and what its receiver answers.

Nothing of it is kept: no line waits for it, and the table of deliveries does not have it.
"""

import asyncio
import uuid

import msgspec

from api.profiles import queried_profile
from definitions import Definitions
from definitions.compiled_mapping import fields_of
from definitions.destinations import CHANGES, Change, Destination
from definitions.mapping import fingerprint
from runtime.clock import now_ms
from schemas.activations import Activation, ActivationKind, delivery_key
from schemas.consent import ConsentState, encode_consent, objection
from schemas.identity import NOBODY, kind_of
from schemas.records import Identifier
from settings import Settings
from sinks.destinations.concealing import failed
from sinks.destinations.contract import Delivery, Outcome, Retry
from sinks.destinations.mail.links import NamespaceOf
from sinks.destinations.opening import open_destination
from warehouse.client import Warehouse
from warehouse.queries.membership_gaps import Person, persons

CAUSE = "test"
INVENTED = Person("person", 1, (Identifier("email", "test@example.com"), Identifier("user_id", "test")), "{}")
"""Whom a delivery is about if nobody is named: an address that is reserved for examples."""


class Somebody(msgspec.Struct, frozen=True):
    """Whom a delivery is about."""

    profile_id: str = NOBODY
    person: Person = INVENTED


class Cause(msgspec.Struct, frozen=True):
    """What is said to have happened."""

    kind: ActivationKind
    name: str
    change: Change


def find_somebody(settings: Settings, workspace: str, text: str) -> Somebody | None:
    """Return a profile by an identifier or its id; None if there is none. Raises InvalidIdentifier, OnefoldError."""
    profile = queried_profile(settings, workspace, text)
    if profile is None:
        return None
    profile_id = str(profile["profile_id"])
    warehouse = Warehouse(settings.clickhouse)
    try:
        person = persons(warehouse, workspace, [profile_id]).get(profile_id)
    finally:
        warehouse.close()
    return None if person is None else Somebody(profile_id, person)


def likely_cause(
    definitions: Definitions, destination: Destination, segment: str | None, change: Change | None
) -> Cause:
    """Return what is said to have happened; what is left open is as the destination hears of it first."""
    segments = [each.name for each in definitions.segments if destination.name in each.destinations]
    triggers = [each.name for each in definitions.triggers if destination.name in each.destinations]
    of_segments = [each for each in destination.changes if each != "fired"]
    if change is None and segment is None and not (of_segments and (segments or not triggers)):
        change = "fired"
    if change == "fired":
        return Cause("trigger", triggers[0] if triggers else CAUSE, change)
    return Cause("segment", segment or (segments[0] if segments else CAUSE), change or (*of_segments, CHANGES[0])[0])


def delivery_about(destination: Destination, somebody: Somebody, cause: Cause, workspace: str) -> Delivery:
    """Return a delivery as the deliverer would make it now, whose key no other one has. Raises Unmappable."""
    now, person = now_ms(), somebody.person
    activation = Activation(
        workspace=workspace,
        kind=cause.kind,
        name=cause.name,
        change=cause.change,
        activation_id=str(uuid.uuid4()),
        profile_id=somebody.profile_id,
        profile_kind=kind_of(somebody.profile_id) if somebody.profile_id != NOBODY else person.kind,
        happened_at=now,
        decided_at=now,
        cause=CAUSE,
        version=person.version,
        identifiers=person.identifiers,
        traits=_travelling(person.traits, destination.traits) if cause.kind == "segment" else "{}",
        consent=encode_consent(person.consent),
    )
    key = delivery_key(activation, destination.kept_as, fingerprint(destination.mapping))
    return Delivery(key, activation, fields_of(destination.mapping, activation, key))


def objection_to(definitions: Definitions, destination: Destination, consent: ConsentState) -> str | None:
    """Return what somebody's consent has against the delivery; None: nothing, or the destination asks for none."""
    if not destination.consent_purpose:
        return None
    defaults, carrier = definitions.consent.defaults, destination.carried_by
    return objection(consent, destination.consent_purpose, destination.reached_by, defaults, carrier)


def send(destination: Destination, delivery: Delivery, namespace_of: NamespaceOf) -> Outcome:
    """Send a delivery once, and wait for what becomes of it. Raises NoReceiver and BadOption."""
    return asyncio.run(_sent(destination, delivery, namespace_of))


async def _sent(definition: Destination, delivery: Delivery, namespace_of: NamespaceOf) -> Outcome:
    opened = open_destination(definition, namespace_of)
    try:
        async with asyncio.timeout(definition.pace.timeout_ms / 1_000):
            (outcome,) = await opened.send([delivery])
    except TimeoutError:
        return Retry("timeout", f"there was no answer within {definition.pace.timeout_ms / 1_000:g}s")
    except Exception as error:  # noqa: BLE001 - the kind's boundary, as in the deliverer
        return failed(error)
    finally:
        await opened.close()
    return outcome


def _travelling(text: str, names: tuple[str, ...]) -> str:
    """Return those traits that travel to a destination, each value as it was written."""
    traits = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({name: traits[name] for name in names if name in traits}).decode()
