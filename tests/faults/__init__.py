"""Faults on real processes, each compared with the oracle's reference afterwards; `make soak` runs the long form."""
