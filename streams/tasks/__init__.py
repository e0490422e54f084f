"""Tasks: one partition of one stage with its life cycle, commit, isolation of poison and standby."""
