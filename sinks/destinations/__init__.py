"""Destinations: what each kind of receiver is sent, and what its answers mean. When is left to `sinks.delivery`."""
