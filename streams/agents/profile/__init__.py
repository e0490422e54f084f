"""PROFILE: obeys commands, folds events and publishes what changed. The arithmetic of a profile is `fold`."""
