"""Answers look-ups and takes operators' requests over HTTP. It leaves queries to `warehouse`, decisions to GRAPH."""
