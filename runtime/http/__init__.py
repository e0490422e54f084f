"""Serving HTTP, the same in every process: connections, trusted hosts, bodies, callers, metrics. It has no routes."""
