"""The steps of maintenance, in order."""

from jobs.maintenance.merging import Merge
from jobs.maintenance.retention import Retention
from jobs.maintenance.rolling_up import RollUp
from jobs.maintenance.squashing import Squash
from jobs.maintenance.step import Step
from runtime.kafka.offsets import Offsets
from settings import Settings


def steps(settings: Settings) -> tuple[Step, ...]:
    """Return every step, wired for an installation.

    Hours are counted once their people are those of now, and before events are dropped. Months are merged at last.
    """
    return (Squash(Offsets(settings.kafka)), RollUp(), Retention(settings.workspaces), Merge())
