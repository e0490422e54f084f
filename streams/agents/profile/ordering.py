"""The order in which a batch is handled: one profile after another, as far as nobody can tell.

A batch has a few events of each of many profiles. Handled as they came, each finds what its profile remembers pushed
out of the processor's cache by those before it. Records of one profile keep their order, and so does what is sent.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

from streams.agents.profile.decoding import Addressed, RoutedEvent

Numbered = tuple[int, Addressed]
"""A record, and its number in the batch."""


def by_profile(items: Iterable[Addressed]) -> Iterator[Numbered]:
    """Yield the events between two commands profile by profile, and the commands as they come.

    A command may be about all profiles, and an event clock is to show then what came before it.
    """
    waiting: dict[bytes, list[Numbered]] = {}
    for numbered in enumerate(items):
        _, addressed = numbered
        if isinstance(addressed.content, RoutedEvent):
            waiting.setdefault(addressed.key, []).append(numbered)
        else:
            yield from chain.from_iterable(waiting.values())
            waiting = {}
            yield numbered
    yield from chain.from_iterable(waiting.values())
