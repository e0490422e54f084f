"""What is said when a server fails: if nobody answers, that there is no stack, and how to start one."""

from runtime.errors import OnefoldError, UnreachableError
from runtime.literal import literal


def failure(error: OnefoldError) -> str:
    """Say what failed at a server, for whoever typed the command."""
    if isinstance(error, UnreachableError):
        where = "--data-dir names the folder of one that runs elsewhere"
        return f"no stack answers: 'onefold up' starts one, {where} ({literal(error)})"
    return literal(error)
