"""What ends the attempt of a process that was replaced and does not know it."""


class Superseded(Exception):
    """Another process does this work, or has done it: nothing more is to be done here."""
