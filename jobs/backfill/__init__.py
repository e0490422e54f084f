"""Computes what new definitions need of the past, and hands it to the profiles (docs/decisions/0034).

Runs in the rebuilder's process, between rebuilds: no replay is under way meanwhile. Folding seeds is left to `streams`.
"""
