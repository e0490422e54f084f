"""What definitions need to be remembered of a profile's events: the one meaning that both back ends share."""

from definitions.plan.accumulators import Accumulator, accumulators_of, needs
from definitions.plan.conditions import conditions_of, leaves
from definitions.plan.lapses import shortest_lapse_ms

__all__ = ["Accumulator", "accumulators_of", "conditions_of", "leaves", "needs", "shortest_lapse_ms"]
