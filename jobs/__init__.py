"""Does work beside the streams: once, for what was decided, or on schedule. Work on each event is left to `streams`.

`rebuild`, `backfill`, `mining` and `across` run in the rebuilder's process (`__main__`), `maintenance` in its own. None
of them knows another one; what several need lies beside them.
"""
