"""Says how many deliveries wait at destinations that definitions do away with: they are refused after a while."""

from definitions import Definitions
from onefold.fates.activations import waiting_activations
from onefold.fates.expected import Names, receiving
from onefold.wording import count
from schemas.codec import Codec
from schemas.registry import Registry
from settings import Settings

GONE = "what waits is refused after 72 h, unless it is defined again by then"
"""What becomes of deliveries of a destination that is not defined any more (`sinks.delivery.waiting`)."""


def done_away_with(former: Definitions, new: Definitions) -> Names:
    """Return the destinations that nothing is sent to any more, with all their names: one that is renamed goes on."""
    going_on = {name for each in receiving(new.destinations).values() for name in each.names}
    return {each.name: each.names for each in receiving(former.destinations).values() if each.kept_as not in going_on}


def waiting_in_words(destination: str, number: int) -> str:
    """Say how many deliveries wait for a destination, for people."""
    return f"{count(number, 'delivery')} for {destination} wait{'s' * (number == 1)}"


def left_waiting(settings: Settings, former: Definitions, new: Definitions) -> dict[str, int]:
    """Return how many deliveries wait at each of those that are done away with, where any do. Raises OnefoldError."""
    names = done_away_with(former, new)
    if not names:
        return {}
    codec = Codec(Registry(settings.registry))
    waiting = waiting_activations(settings.kafka, codec, names, workspace=None)
    return {name: len(found) for name, found in waiting.items() if found}
