"""Faults on the real parts, each compared with the oracle's reference afterwards; `make soak` runs the long form."""
