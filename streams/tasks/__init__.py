"""Tasks: one partition of one stage with its life cycle, commit, isolation of poison and standby. What a batch means is left to `agents`."""
