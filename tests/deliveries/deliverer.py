"""The deliverer of a stack as an operator sees it: paused, replayed, and asked what became of everything."""

import json
import time
from typing import Any

import httpx

from embedded.process import StackProcess
from runtime.kafka.offsets import Offsets
from runtime.kafka.waiting import await_committed, ends_of
from schemas.groups import DELIVERER
from schemas.topics import CONSENTS, activation
from tests.deliveries.destinations import DESTINATIONS
from tests.oracle.scene import Scene, onefold
from tests.support.waiting import wait_until


class Deliverer:
    """Of one workspace. `within_s`: how long anything may take."""

    def __init__(self, scene: Scene, within_s: int) -> None:
        self._scene, self._within_s = scene, within_s

    @property
    def process(self) -> StackProcess:
        """The process."""
        return self._scene.stack.process("deliverer")

    def pause(self, destination: str) -> None:
        """Pause a destination, and return once it is."""
        self._run("deliveries", "pause", destination)
        sample = f'onefold_deliveries_paused{{destination="{destination}"}} 1.0'
        wait_until(lambda: sample in self._metrics(), f"the deliverer to pause {destination}", self._within_s)

    def resume(self, destination: str) -> None:
        """Let a destination go on."""
        self._run("deliveries", "resume", destination)

    def replay(self, destination: str, *chosen: str) -> None:
        """Replay what was refused, or what is chosen by options."""
        self._run("deliveries", "replay", destination, *chosen)

    def await_read(self) -> None:
        """Return once it knows all that was published so far, of changes and of consents."""
        offsets = Offsets(self._scene.stack.settings.kafka)
        topics = [CONSENTS, *map(activation, DESTINATIONS)]
        await_committed(offsets, DELIVERER.name, ends_of(offsets, topics), time.monotonic() + self._within_s)

    def await_all(self) -> None:
        """Return once nothing waits at any destination. Fails if anything is missing."""
        self.await_read()
        what = "everything to be delivered, or to be known as refused"
        wait_until(lambda: not any(each["waiting"] for each in self._fates()), what, self._within_s, every_s=1)

    def counted(self) -> list[str]:
        """Return what has become of everything, by destination."""
        outcomes = ("delivered", "suppressed", "superseded", "refused")
        return [
            f"{each['destination']}: " + ", ".join(f"{each[name]:,} {name}" for name in outcomes if each[name])
            for each in self._fates()
        ]

    def _fates(self) -> list[dict[str, Any]]:
        checked = json.loads(self._run("fates", "check", "--json", "--timeout", str(self._within_s)))
        assert checked["missing"] == 0
        return checked["destinations"]  # type: ignore[no-any-return]

    def _run(self, *arguments: str) -> str:
        return onefold(self._scene.stack, *arguments, "--workspace", self._scene.workspace.name)

    def _metrics(self) -> str:
        try:
            return httpx.get(self._scene.stack.addresses.deliverer_metrics).text
        except httpx.TransportError:
            return ""  # it is being started
