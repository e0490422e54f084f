"""The model compiled for the streams: which events count, and when a condition holds. Remembering is left to the fold."""
