"""The segments that the tests of the fold use; `naive.segments` says the same in plain words."""

from definitions import Definitions, Segment, compile_program
from definitions.consent import ConsentRules, Purpose, SaidByTrait
from definitions.model import (
    AllOf,
    AnyOf,
    Call,
    Comparison,
    EventCount,
    EventMatcher,
    Not,
    Operator,
    PropertyFilter,
    TraitComparison,
    Window,
)

_HOUR = 60 * 60_000
_VIEW = EventMatcher((Call("track", "View"),))
_BIG = PropertyFilter(("amount",), (Comparison(Operator.GREATER_OR_EQUAL, 10),))
_PRO = TraitComparison(("plan",), (Comparison(Operator.EQUALS, "pro"),))

_PRO_ONLY = Segment("pro", _PRO)
CONSENT = ConsentRules(
    (Purpose("marketing"), Purpose("service", default="opt_out")),
    ("email", "sms"),
    (("Advertising", "marketing"),),
    (SaidByTrait("email_opt_out", channel="email"), SaidByTrait("plan", "pro", "granted", "marketing", "sms")),
)
PROGRAM = compile_program(
    Definitions(
        (
            Segment("buyers", EventCount(EventMatcher((Call("track", "Buy"),), (_BIG,)), Window(2 * _HOUR), 2)),
            Segment("frequent", EventCount(_VIEW, Window(_HOUR), 3)),
            _PRO_ONLY,
            Segment("pro_or_viewing", AnyOf((_PRO, EventCount(_VIEW, Window(_HOUR))))),
            Segment("quiet", AllOf((Not(EventCount(_VIEW, Window(_HOUR * 3 // 2))),))),
        ),
        consent=CONSENT,
    )
)
FEWER = compile_program(Definitions((_PRO_ONLY,)))
