"""What the options of all audiences and contacts must say, and what they call a segment."""

import re
from collections.abc import Iterator, Mapping

from definitions.receivers.http import why_no_url
from definitions.receivers.values import OptionProblem

_NO_NAME = re.compile(r"[^A-Za-z0-9]+")


def without_audience(audience: str, audiences: Mapping[str, str]) -> Iterator[OptionProblem]:
    """Yield that neither key names an audience."""
    if not audience and not audiences:
        yield OptionProblem(
            "audience", "no audience is named", "write its id as `audience`, or one for each segment as `audiences`"
        )


def wrong_addresses(urls: Mapping[str, str], *, allow_private: bool) -> Iterator[OptionProblem]:
    """Yield the keys whose address is none, or would send access tokens for everybody on the Internet to read."""
    for key, url in urls.items():
        if url and (reason := why_no_url(url)) is not None:
            yield OptionProblem(key, f"the address cannot be sent to: {reason}")
            continue
        if url and not allow_private and not url.lower().startswith("https://"):
            yield OptionProblem(key, "the address does not begin with https://", "access tokens are sent to it")


def name_of_segment(pattern: str, segment: str) -> str:
    """Return the name of the property or field for a segment."""
    return pattern.replace("{segment}", part_of_name(segment))


def part_of_name(segment: str) -> str:
    """Return what of a segment's name may stand in that of a property; empty if nothing may."""
    return _NO_NAME.sub("_", segment).strip("_")
