"""Keeps the warehouse quick and small: what has to be done from time to time, step by step (docs/decisions/0030)."""
