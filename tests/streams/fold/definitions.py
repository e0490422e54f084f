"""The segments that the tests of the fold use; `naive.segments` says the same in plain words."""

from definitions import Definitions, Segment, compile_program
from definitions.model import (
    AllOf,
    AnyOf,
    Comparison,
    EventCount,
    EventMatcher,
    Not,
    Operator,
    PropertyFilter,
    TraitComparison,
)

_HOUR = 60 * 60_000
_VIEW = EventMatcher("track", "View")
_BIG = PropertyFilter(("amount",), (Comparison(Operator.GREATER_OR_EQUAL, 10),))
_PRO = TraitComparison(("plan",), (Comparison(Operator.EQUALS, "pro"),))

_PRO_ONLY = Segment("pro", _PRO)
PROGRAM = compile_program(
    Definitions(
        (
            Segment("buyers", EventCount(EventMatcher("track", "Buy", (_BIG,)), 2, 2 * _HOUR)),
            Segment("frequent", EventCount(_VIEW, 3, _HOUR)),
            _PRO_ONLY,
            Segment("pro_or_viewing", AnyOf((_PRO, EventCount(_VIEW, 1, _HOUR)))),
            Segment("quiet", AllOf((Not(EventCount(_VIEW, 1, _HOUR * 3 // 2)),))),
        )
    )
)
FEWER = compile_program(Definitions((_PRO_ONLY,)))
