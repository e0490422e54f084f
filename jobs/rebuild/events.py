"""Finds the events of a profile in the past: claimed, from before the cut, in order of time and sort key, each once."""

import heapq
import logging
from collections.abc import Iterator, Sequence

from jobs.rebuild.claims import Claims, WantedRebuild
from jobs.rebuild.protocols import Past
from runtime.errors import TransientError
from warehouse.queries.past_events import PastEvent
from warehouse.queries.values import slices

logger = logging.getLogger(__name__)


def claimed(past: Past, wanted: WantedRebuild, cut: Sequence[int]) -> Iterator[PastEvent]:
    """Yield the events that the profile of a wanted rebuild claims. Raises TransientError."""
    claims = Claims(wanted.claimant.claims)
    for event in _candidates(past, wanted.workspace, claims, cut):
        if event.identifiers and claims.hold(event.identifiers[0], event.occurred_at):
            yield event


def _candidates(past: Past, workspace: str, claims: Claims, cut: Sequence[int]) -> Iterator[PastEvent]:
    """Yield each event once, though it may have values of several queries."""
    answers = [_pages(past, workspace, values, cut) for values in slices(claims.values)]
    last: PastEvent | None = None
    for event in heapq.merge(*answers, key=_order):
        if last is None or _order(last) != _order(event):
            yield event
        last = event


def _pages(past: Past, workspace: str, values: Sequence[str], cut: Sequence[int]) -> Iterator[PastEvent]:
    """Yield page by page until one is empty; a page that breaks off is followed by the next all the same."""
    last: PastEvent | None = None
    while True:
        before = last
        try:
            for event in past.page(workspace, values, cut, last):
                last = event
                yield event
        except TransientError as error:
            if last is before:
                raise
            logger.warning("%s; going on behind the last event that came", error)
            continue
        if last is before:
            return


def _order(event: PastEvent) -> tuple[int, tuple[int, int, int]]:
    return event.occurred_at, event.sort_key
