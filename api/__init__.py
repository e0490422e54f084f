"""Look-ups and requests of operators over HTTP, with their keys. Queries are in `warehouse`, decisions in `streams`."""
