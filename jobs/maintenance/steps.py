"""The steps of maintenance, in order."""

from jobs.maintenance.merging import Merge
from jobs.maintenance.retention import DropOld
from jobs.maintenance.rolling_up import RollUp
from jobs.maintenance.squashing import Squash
from jobs.maintenance.step import MaintenanceStep
from runtime.kafka.offsets import Offsets
from settings import Settings


def steps(settings: Settings, roll_up: RollUp | None = None) -> tuple[MaintenanceStep, ...]:
    """Return every step, wired for an installation.

    Hours are counted once their people are those of now, and before events are dropped. Months are merged at last.
    """
    return (Squash(Offsets(settings.kafka)), roll_up or RollUp(), DropOld(settings.workspaces), Merge())
