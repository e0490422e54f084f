"""Reads events from other sources than HTTP. It leaves what an event is to `collectors`."""
