"""Asks the queries of mined traits on schedule, and hands profiles what has changed (docs/decisions/0040).

Runs in the rebuilder's process, between rebuilds. Folding what was found is left to `streams`.
"""
