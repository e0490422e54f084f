"""Tries other identity rules on the past, in memory, and says what would differ.

Reading the past is left to `warehouse`, printing and sending to the command line.
"""
