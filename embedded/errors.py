"""What is raised when the local stack cannot be had; the command line prints it as it is, without a traceback."""

from runtime.errors import TerminalError


class StackError(TerminalError):
    """The stack cannot start or go on; the message says what was wrong, where, and what to do."""
