"""The fold: what events, merges, rebuilds and time do to a profile, pure; stores, topics and clocks are the agents'."""
