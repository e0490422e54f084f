"""What the options of all audiences and contacts must say."""

from collections.abc import Iterator, Mapping

from definitions.receivers.values import OptionProblem


def without_audience(audience: str, audiences: Mapping[str, str]) -> Iterator[OptionProblem]:
    """Yield that neither key names an audience."""
    if not audience and not audiences:
        yield OptionProblem(
            "audience", "no audience is named", "write its id as `audience`, or one for each segment as `audiences`"
        )


def without_tls(urls: Mapping[str, str], *, allow_private: bool) -> Iterator[OptionProblem]:
    """Yield the keys whose address would send access tokens over the Internet for everybody to read."""
    for key, url in urls.items():
        if url and not allow_private and not url.lower().startswith("https://"):
            yield OptionProblem(key, "the address does not begin with https://", "access tokens are sent to it")
