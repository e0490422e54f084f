"""The rebuilder: replays the events of profiles whose members changed (docs/decisions/0009). It folds none."""
