"""Deliveries: when, whether and in which order destinations are sent what concerns them (docs/decisions/0042).

What a kind of receiver is sent, and what its answers mean, is left to `sinks.destinations`.
"""
