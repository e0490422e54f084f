"""PROFILE: folds events, obeys commands, lets deadlines fire and publishes what changed.

The way of a batch is `stage`, what happens to a record `handlers`; the arithmetic of a profile is left to `fold`.
"""
