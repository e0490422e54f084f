"""What is wrong with a mapping or a file, with its position; the command line prints it as it is."""

from collections.abc import Sequence


class MappingError(Exception):
    """The mapping cannot be used. The message begins with FILE:LINE:COLUMN."""


class FileProblems(Exception):
    """The file does not fit its mapping; nothing was sent. Each problem begins with FILE:LINE:COLUMN."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class NotSent(Exception):
    """Kafka did not take everything. Repeating is safe: the same lines get the same message ids."""

    def __init__(self, reason: str, sent: int, events: int) -> None:
        super().__init__(f"{reason}; {sent} of {events} events were sent, repeating the import is safe")
        self.sent = sent
        self.events = events
