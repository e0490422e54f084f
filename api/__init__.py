"""Look-ups and requests of operators over HTTP, with their keys. What they ask is in `warehouse`; who is who is decided in `streams`."""
