"""What is raised when a setting cannot be used; the command line prints it as one line."""


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it, says what is wrong and what to do."""
