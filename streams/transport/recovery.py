"""Recovery: instead of Faust's, which counts offsets and applies records one by one, the tasks are restored.

A task that is restored has fenced the worker before, recovered in bulk, and knows its positions; after that the inputs
are sought and the flow goes on.
"""

import asyncio

from faust.tables.manager import TableManager as FaustTableManager
from faust.tables.recovery import RebalanceAgain, ServiceStopped
from faust.tables.recovery import Recovery as FaustRecovery
from mode import Service


class Recovery(FaustRecovery):  # type: ignore[misc]
    """Started by every rebalance (`signal_recovery_start`), given up when the next one comes."""

    @Service.task  # type: ignore[untyped-decorator]
    async def _restart_recovery(self) -> None:
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start):
                return
            self.signal_recovery_start.clear()
            try:
                await self._wait(self._assign_tasks())
                await self._wait(self.on_recovery_completed(self._generation_id))
            except RebalanceAgain:
                continue
            except ServiceStopped:
                return

    @Service.task  # type: ignore[untyped-decorator]
    async def _slurp_changelogs(self) -> None:
        """Do nothing: tasks read their changelogs themselves."""

    @Service.task  # type: ignore[untyped-decorator]
    async def _publish_stats(self) -> None:
        """Do nothing: tasks log and measure their recovery themselves."""

    async def _assign_tasks(self) -> None:
        self._set_recovery_started()
        try:
            assignor = self.app.assignor
            await asyncio.shield(self.app.stage_tasks.assign(assignor.assigned_actives(), assignor.assigned_standbys()))
        except Exception as error:
            self.app.fail(error)
            raise


class TableManager(FaustTableManager):  # type: ignore[misc]
    """Faust's manager of tables, with a recovery that leaves them to our tasks."""

    _recovery: Recovery | None = None

    @property
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
