"""Pauses destinations and resumes them: records of `deliveries.control`, which every deliverer follows."""

from collections.abc import Iterable

from api.requests import UnknownDefinition
from definitions.destinations import Destination
from definitions.sets.topic import ensure_topic, read_publication
from runtime.clock import now_ms
from runtime.hints import did_you_mean
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.producer import AcknowledgedProducer
from runtime.kafka.reading import read_to_end
from schemas.delivery_control import Pause, Pauses, Resumed, pause_record, resume_record, resumed_record
from schemas.topics import DELIVERIES_CONTROL
from settings import Settings

DELIVERY_TIMEOUT_S = 10.0


def read_pauses(settings: Settings) -> Pauses:
    """Return what operators have paused, what does not open, and what does not accept its credentials.

    A destination that was renamed is called as it is now. Raises TransientError or TerminalError.
    """
    ensure_topic(settings.kafka, settings.replication, topic=DELIVERIES_CONTROL)
    pauses = Pauses()
    for message in read_to_end(settings.kafka, [DELIVERIES_CONTROL]):
        pauses = pauses.with_record(message.key(), message.value())
    return pauses.renamed({former: each.name for each in destinations_in_force(settings) for former in each.names})


def pause(settings: Settings, destination: str, reason: str) -> Pause:
    """Pause a destination, in every workspace. Raises UnknownDefinition, TransientError or TerminalError."""
    check_receiving(destinations_in_force(settings), destination)
    wanted = Pause(destination, now_ms(), reason)
    _append(settings, [pause_record(wanted)])
    return wanted


def resume(settings: Settings, destination: str) -> bool:
    """Resume a destination, also one that is not defined any more; return whether it was paused. Raises as `pause`.

    Paused or not, what waits for it is attempted at once.
    """
    paused = read_pauses(settings).of
    names = {*names_of(settings, destination)}
    if not names & paused.keys():
        check_receiving(destinations_in_force(settings), destination, paused)
    resumed = Resumed(destination, now_ms())
    _append(settings, [*(resume_record(name) for name in sorted(names)), resumed_record(resumed)])
    return bool(names & paused.keys())


def destinations_in_force(settings: Settings) -> tuple[Destination, ...]:
    """Return the destinations of the set in effect. Raises TransientError or TerminalError."""
    ensure_topic(settings.kafka, settings.replication)
    newest = read_publication(settings.kafka).newest
    return () if newest is None else newest.destinations


def names_of(settings: Settings, destination: str) -> tuple[str, ...]:
    """Return all names of the destination that has, or had, a name; of one that is gone, the name alone."""
    found = destination_named(destinations_in_force(settings), destination)
    return (destination,) if found is None else found.names


def destination_named(destinations: Iterable[Destination], name: str) -> Destination | None:
    """Return the destination that has, or had, a name; None if there is none."""
    return next((each for each in destinations if name in each.names), None)


def check_receiving(destinations: Iterable[Destination], name: str, others: Iterable[str] = ()) -> None:
    """Raise UnknownDefinition unless a destination is called so now, and has a receiver, or is one of `others`."""
    receiving = {each.name: each for each in destinations if each.receiver is not None}
    known = {*receiving, *others}
    if name in known:
        return
    renamed = destination_named(receiving.values(), name)
    hint = did_you_mean(name, sorted(known)) or "none is in force: see `onefold definitions status`"
    if renamed is not None:
        hint = f"it is called {renamed.name!r} now"
    raise UnknownDefinition("destination", f"there is no destination {name!r} with a receiver ({hint})")


def _append(settings: Settings, records: Iterable[tuple[bytes, bytes | None]]) -> None:
    ensure_topic(settings.kafka, settings.replication, topic=DELIVERIES_CONTROL)
    producer = AcknowledgedProducer(settings.kafka, "onefold-deliveries", delivery_timeout_s=DELIVERY_TIMEOUT_S)
    producer.send([ProducerRecord(DELIVERIES_CONTROL, *record) for record in records])
