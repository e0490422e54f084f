import definitions as d
from definitions import *  # temporary stand-in

H = 3600_000
acc = (
    d.Accumulator("View/1", 3, H, False, lambda t, e, p: True),
    d.Accumulator("Buy/10", 2, 2 * H, True, lambda t, e, p: isinstance(p.get("amount"), int) and p["amount"] >= 10),
    d.Accumulator("View/2", 1, H * 3 // 2, False, lambda t, e, p: True),
)


def either(f, g):
    return d.neg(d.both(d.neg(f), d.neg(g)))


def s(name, reads, traits, f):
    return d.CompiledSegment(name, (), frozenset(reads), frozenset(traits), f)


segs = (
    s("buyers", ["Buy/10"], [], d.at_least(2, "Buy/10", 2 * H)),
    s("frequent", ["View/1"], [], d.at_least(3, "View/1", H)),
    s("pro", [], ["plan"], d.trait("plan", "pro")),
    s("pro_or_viewing", ["View/1"], ["plan"], either(d.trait("plan", "pro"), d.at_least(1, "View/1", H))),
    s("quiet", ["View/2"], [], d.neg(d.at_least(1, "View/2", H * 3 // 2))),
)
PROGRAM = d.Program(segs, acc)
FEWER = d.Program(segs[2:3], ())
