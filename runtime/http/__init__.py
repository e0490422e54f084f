"""Serving HTTP, the same in every process: connections, trusted hosts, bodies, callers, metrics. Routes are the rooms' own."""
