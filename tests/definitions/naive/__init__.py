"""The language once more, by plain recomputation over all events of a profile: what both engines must agree with.

Written from docs/decisions/0033 alone, and as plainly as possible: nothing is remembered, everything is looked for.
"""
