"""What definitions need to be remembered of a profile's events: the one meaning that both back ends share."""

from definitions.plan.accumulators import Accumulator, accumulators_of, needs
from definitions.plan.conditions import conditions_of, leaves
from definitions.plan.lapses import shortest_lapse_ms
from definitions.plan.narrowing import narrowed
from definitions.plan.references import References, in_order, paths_in, references_of, traits_shown

__all__ = [
    "Accumulator",
    "References",
    "accumulators_of",
    "conditions_of",
    "in_order",
    "leaves",
    "narrowed",
    "needs",
    "paths_in",
    "references_of",
    "shortest_lapse_ms",
    "traits_shown",
]
