"""Replays the events of profiles that were unmerged (docs/decisions/0009). Folding them is left to `streams`."""
