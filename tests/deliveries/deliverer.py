"""The deliverer of a stack as an operator sees it: paused, replayed, and asked what became of everything."""

import json
import time
from collections.abc import Collection
from typing import Any

import httpx

from embedded.process import StackProcess
from runtime.kafka.offsets import Offsets
from runtime.kafka.waiting import await_committed, ends_of
from schemas.groups import DELIVERER
from schemas.topics import CONSENTS, activation
from tests.deliveries.destinations import DESTINATIONS, DEVICES
from tests.oracle.scene import Scene, onefold
from tests.support.waiting import wait_until


class Deliverer:
    """Of one workspace. `within_s`: how long anything may take."""

    def __init__(self, scene: Scene, within_s: int) -> None:
        self._scene, self._within_s = scene, within_s
        self._checked: list[dict[str, Any]] = []

    @property
    def process(self) -> StackProcess:
        """The process."""
        return self._scene.stack.process("deliverer")

    def pause(self, destinations: Collection[str]) -> None:
        """Pause destinations, and return once they are."""
        for destination in destinations:
            self._run("deliveries", "pause", destination)
        samples = [f'onefold_deliveries_paused{{destination="{each}"}} 1.0' for each in destinations]

        def are_paused() -> bool:
            metrics = self._metrics()
            return all(sample in metrics for sample in samples)

        wait_until(are_paused, f"the deliverer to pause {', '.join(destinations)}", self._within_s)

    def resume(self, destinations: Collection[str]) -> None:
        """Let destinations go on."""
        for destination in destinations:
            self._run("deliveries", "resume", destination)

    def replay(self, destination: str, *chosen: str) -> None:
        """Replay what was refused, or what is chosen by options."""
        self._run("deliveries", "replay", destination, *chosen)

    def await_read(self) -> None:
        """Return once it knows all that was published so far, of changes and of consents."""
        offsets = Offsets(self._scene.stack.settings.kafka)
        topics = [CONSENTS, *map(activation, (*DESTINATIONS, DEVICES))]
        await_committed(offsets, DELIVERER.name, ends_of(offsets, topics), time.monotonic() + self._within_s)

    def await_all(self) -> None:
        """Return once nothing waits at any destination. Fails if anything is missing."""
        self.await_read()
        what = "everything to be delivered, or to be known as refused"
        wait_until(self._is_nothing_waiting, what, self._within_s, every_s=1)

    def counted(self) -> list[str]:
        """Return what had become of everything when nothing waited, by destination."""
        outcomes = ("delivered", "suppressed", "superseded", "refused")
        return [
            f"{each['destination']}: " + ", ".join(f"{each[name]:,} {name}" for name in outcomes if each[name])
            for each in self._checked
        ]

    def _is_nothing_waiting(self) -> bool:
        self._checked = self._fates()
        return not any(each["waiting"] for each in self._checked)

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
