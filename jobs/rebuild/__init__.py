"""The rebuilder: replays the events of profiles whose members changed (docs/decisions/0009). Folding them is left to `streams`."""
