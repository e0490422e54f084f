"""Makes the seeds of a back-fill, each within what one record holds. Pure."""

from collections.abc import Iterator, Mapping

import msgspec

from definitions.streaming.accumulators import state_key
from jobs.backfill.protocols import AddressedSeed, PastStates, Wanted
from jobs.refusals import refusals_apart
from schemas.records import Seed

MAX_BYTES = 4_000_000
"""Of the states in one seed: what surrounds them fits as well, and a dead letter of it is whole."""


def seeds(past: PastStates, lacking: tuple[Wanted, ...], head: Seed, left_out: set[str]) -> Iterator[AddressedSeed]:
    """Yield what each profile lacks, in several seeds where one would be too large. Raises PastRefused.

    `head`: what all seeds have in common. A state that no seed holds is not sent, and its profile added to `left_out`.
    """
    for each in lacking:
        keys = {accumulator.id: state_key(accumulator, each.born) for accumulator in each.accumulators}
        for profile_id, states in _states(past, each):
            by_key = {keys[identity]: encoded for identity, encoded in states.items() if len(encoded) <= MAX_BYTES}
            if len(by_key) < len(states):
                left_out.add(profile_id)
            for some in _within_bounds(by_key):
                seed = msgspec.structs.replace(head, origin=profile_id, states=some)
                yield AddressedSeed(each.workspace, profile_id, seed)


def _states(past: PastStates, of: Wanted) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    with refusals_apart():
        yield from past.states(of)


def _within_bounds(states: Mapping[str, bytes]) -> Iterator[dict[str, bytes]]:
    """Yield the states in as few parts as their order allows."""
    part: dict[str, bytes] = {}
    size = 0
    for key, encoded in states.items():
        if part and size + len(encoded) > MAX_BYTES:
            yield part
            part, size = {}, 0
        part[key] = encoded
        size += len(encoded)
    if part:
        yield part
