"""The rebuilder: replays the events of profiles that were parted, docs/decisions/0009-parting-and-rebuilding.md.

`rebuild.py` is its page to read first.
"""
