"""PROFILE: obeys commands, folds events into profiles and publishes what changed. The arithmetic of a profile is left to `fold`."""
