"""What can go wrong with the infrastructure: worth another try, or a reason to stop."""


class TransientError(Exception):
    """Not now: the other side is away or overloaded. Tried again with back-off, nothing is acknowledged meanwhile."""


class TerminalError(Exception):
    """Not at all: trying again changes nothing. The process stops, offsets stay where they are."""
