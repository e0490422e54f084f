"""Opens destinations: the class of each kind of receiver, by the type of its options. A kind adds a line."""

from collections.abc import Callable, Mapping

from definitions.destinations import Destination as Definition
from sinks.destinations.contract import Destination

Open = Callable[[Definition], Destination]
"""Makes a destination of its definition, whose `receiver` is of the kind's options; connects to nothing yet.

Raises `secrets.MissingSecret`.
"""

OPENED: Mapping[type[object], Open] = {}
"""By the type of the options."""


class NoReceiver(Exception):
    """A destination has no receiver that deliveries could be sent to; the text says why."""


def open_destination(definition: Definition) -> Destination:
    """Open a destination. Raises NoReceiver, and MissingSecret if a secret is not where the definition says."""
    opened = OPENED.get(type(definition.receiver))
    if opened is None:
        raise NoReceiver(f"destinations of type {definition.type} are read from the topic activation.{definition.name}")
    return opened(definition)
