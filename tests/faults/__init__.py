"""Faults on the real parts, each compared with the oracle's reference afterwards; `make faults` runs the long form."""
