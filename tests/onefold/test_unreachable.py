"""What is said when Kafka or the registry fails: that there is no stack only if nobody answers."""

import pytest

from onefold.unreachable import failure
from runtime.errors import OnefoldError, TerminalError, UnreachableError


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            UnreachableError("Kafka at kafka:9092 does not answer: \x1b[2J"),
            "no stack answers: 'onefold up' starts one, --data-dir names the folder of one that runs elsewhere"
            " (Kafka at kafka:9092 does not answer: \\x1b[2J)",
        ),
        (TerminalError("Kafka at kafka:9092 refuses: no"), "Kafka at kafka:9092 refuses: no"),
    ],
)
def test_a_failure_names_who_failed_and_what_to_do(error: OnefoldError, message: str) -> None:
    assert failure(error) == message
