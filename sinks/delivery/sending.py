"""Sends one request in time. Whatever a kind of receiver raises is trouble of that destination, and of no other."""

import asyncio
import logging
import traceback
from collections.abc import Sequence
from pathlib import PurePath

from sinks.delivery.choosing import Request
from sinks.delivery.served import Served
from sinks.destinations.concealing import failed
from sinks.destinations.contract import Outcome, Retry

log = logging.getLogger(__name__)


async def send(request: Request) -> Sequence[Outcome]:
    """Send a request; return an outcome for each delivery, in time."""
    served = request.served
    deliveries = [each.delivery for each in request.chosen]
    timeout_s = served.definition.pace.timeout_ms / 1000
    try:
        async with asyncio.timeout(timeout_s):
            outcomes = await served.opened.send(deliveries)
    except TimeoutError:
        return [Retry("timeout", f"no answer within {timeout_s:g} s")] * len(deliveries)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        _log_once(served, error)
        return [failed(error)] * len(deliveries)
    except Exception as error:  # noqa: BLE001 - the kind's boundary: one destination must not stop the others
        _log_once(served, error)
        return [failed(error)] * len(deliveries)
    if len(outcomes) != len(deliveries):
        log.error("%s: %d outcomes of %d deliveries", served.name, len(outcomes), len(deliveries))
        return [Retry("unavailable", "the outcomes do not match the deliveries")] * len(deliveries)
    return outcomes


def _log_once(served: Served, error: BaseException) -> None:
    """Log where an error comes from, once of each type; never its text, which may hold a secret."""
    name = type(error).__name__
    if name not in served.unexpected:
        served.unexpected.add(name)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{PurePath(frame.filename).name}:{frame.lineno}"
        log.error("%s: sending failed with %s at %s; it is tried again", served.name, name, place)
