"""What is raised when a setting cannot be used; the command line prints it as one line."""

from runtime.errors import TerminalError


class SettingsError(TerminalError):
    """A setting is missing or wrong; the message names it, says what is wrong and what to do."""
