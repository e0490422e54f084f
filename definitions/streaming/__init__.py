"""The model compiled for the streams: which events count, when a condition holds. The fold does the remembering."""
