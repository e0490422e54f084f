"""What a person's consent has against a delivery, at the moment of sending."""

from definitions.destinations import Destination as Definition
from schemas.consent import ConsentState, objection


def objection_to(definition: Definition, consent: ConsentState) -> str | None:
    """Return what stands against it; None: nothing, or the destination asks for no consent."""
    if not definition.purpose:
        return None
    return objection(consent, definition.purpose, definition.channel, {})
