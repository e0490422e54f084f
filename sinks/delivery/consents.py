"""What people have said about being sent things: kept from the topic `consents`, asked before every attempt."""

from collections.abc import Callable, Iterable, Mapping

from definitions.destinations import Destination
from schemas.activations import Activation
from schemas.consent import Default, objection
from schemas.known_consent import consent_of, later
from schemas.records import ConsentChange
from state.store import META
from state.view import StateView

_PREFIX = META + b"consent|"

Decode = Callable[[bytes], ConsentChange]


def prefetch(view: StateView, keys: Iterable[bytes]) -> None:
    """Read what many people have said with one call of the store."""
    view.prefetch(_PREFIX + key for key in keys)


def learn(view: StateView, key: bytes, value: bytes, decode: Decode) -> None:
    """Keep a record of `consents`, unless one that is kept counts more. Raises DecodeError."""
    record = decode(value)
    kept = view.get(_PREFIX + key)
    if kept is None or later(decode(kept), record) is record:
        view.put(_PREFIX + key, value)


def objection_to(  # noqa: PLR0913, PLR0917 - who is sent what for, and what is known
    definition: Destination,
    defaults: Mapping[str, Default],
    view: StateView,
    key: bytes,
    activation: Activation,
    decode: Decode,
) -> str | None:
    """Return what stands against a delivery now; None: nothing, or the destination asks for no consent."""
    if not definition.consent_purpose:
        return None
    kept = view.get(_PREFIX + key)
    state = consent_of(activation, None if kept is None else decode(kept))
    return objection(state, definition.consent_purpose, definition.reached_by, defaults, definition.carried_by)
