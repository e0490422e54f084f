"""Sources that are no HTTP requests. What an event is, is decided in `collectors`."""
