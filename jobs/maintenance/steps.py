"""The steps of maintenance, in order."""

from jobs.maintenance.rolling_up import RollUp
from jobs.maintenance.squashing import Squash
from jobs.maintenance.step import Step
from runtime.kafka.offsets import Offsets
from settings import Settings


def steps(settings: Settings) -> tuple[Step, ...]:
    """Return every step, wired for an installation."""
    return (Squash(Offsets(settings.kafka)), RollUp())
