"""What the options of all audiences must say."""

from collections.abc import Iterator, Mapping

from definitions.receivers.values import OptionProblem


def without_audience(audience: str, audiences: Mapping[str, str]) -> Iterator[OptionProblem]:
    """Yield that neither key names an audience."""
    if not audience and not audiences:
        yield OptionProblem(
            "audience", "no audience is named", "write its id as `audience`, or one for each segment as `audiences`"
        )
