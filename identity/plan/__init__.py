"""Tries other identity rules on the past, in memory, and says what would differ. It reads nothing itself."""
