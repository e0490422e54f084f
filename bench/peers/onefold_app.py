"""Onefold: the worker that runs PROFILE, hosting this job's fold as its only stage.

Transport, tasks, store, changelog and transactions are the worker's own; only the fold is the job's. A state is decoded
and encoded once for a key and batch, as PROFILE does.
"""

import logging
import sys
from collections.abc import Callable

import given  # type: ignore[import-not-found]  # runs as a script, beside `given.py`
import msgspec
from fold import State, decode, fold, output  # type: ignore[import-not-found]
from noted import Noted  # type: ignore[import-not-found]

from schemas.codec import DecodeError
from settings import load
from state.outputs import Output
from state.view import StateView
from streams.__main__ import run
from streams.app import host
from streams.metrics import Tally
from streams.phases import Decoded, Effects, Record


def _refuse(record: Record, error: DecodeError, now: int, tally: Tally) -> Output:  # noqa: ARG001 - a stage's signature
    """The job has no dead letters: a record that does not fit ends the run."""
    raise error


class CdpFold:
    """The job as a stage."""

    sweeps = False
    holds_back = False
    deadline_of: Callable[[bytes], int | None] | None = None

    def __init__(self, name: str, events: str, segments: str) -> None:
        self.name = self.table = name
        self.topics: tuple[str, ...] = (events,)
        self._segments = segments
        self._noted = Noted()
        self.dead_letter = _refuse

    def decode(self, record: Record, now: int) -> tuple[bytes, bytes]:  # noqa: ARG002 - a stage's signature
        return record.key or b"", record.value or b""

    def fold(self, decoded: Decoded[tuple[bytes, bytes]], view: StateView) -> Effects:
        states: dict[bytes, State] = {}
        outputs = []
        note, segments = self._noted.note, self._segments
        view.prefetch(key for key, _ in decoded.items)
        for key, value in decoded.items:
            state = states.get(key)
            if state is None:
                stored = view.get(key)
                state = states[key] = {} if stored is None else msgspec.msgpack.decode(stored)
            changes = fold(state, decode(value))
            name = key.decode()
            note(name, state["n"])
            for change in changes:
                outputs.append(Output(segments, key, msgspec.json.encode(output(name, change))))
        for key, state in states.items():
            view.put(key, msgspec.msgpack.encode(state))
        return Effects(outputs, view, Tally())


def main() -> int:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = load()
    return run(host(settings, [CdpFold(given.RUN, given.INPUT, given.OUTPUT)]), settings)


if __name__ == "__main__":
    sys.exit(main())
