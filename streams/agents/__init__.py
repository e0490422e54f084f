"""The three stages, each one idea: RESOLVE says whose event it is, GRAPH who is who, PROFILE remembers and reacts."""
