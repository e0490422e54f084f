"""Why something is rejected: a code for programs, a sentence for people, and the field that is wrong."""

from typing import Literal

Code = Literal[
    "event_too_large",
    "invalid_body",
    "invalid_json",
    "invalid_type",
    "missing_field",
    "missing_identifier",
    "reserved_source",
    "too_many_events",
    "too_many_identifiers",
    "unknown_type",
    "unknown_write_key",
]


class Rejection(Exception):
    """What was sent breaks the contract: sending it again cannot help. `field` is a path such as `traits.email`."""

    def __init__(self, code: Code, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.field = field

    def bare(self) -> "Rejection":
        """Return the same, never raised: a traceback would keep all in memory that its functions had read."""
        return Rejection(self.code, self.message, self.field)
