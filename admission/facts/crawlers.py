"""Whether a user agent is a program's, by the list that `crawlerdetect` keeps.

The list is matched by RE2, in a time that grows with the text alone: Python's own expressions take a third of a second
for a thousand letters that somebody chose well.
"""

import re
from functools import cache
from typing import Any

import re2
from crawlerdetect.providers.crawlers import data as crawlers
from crawlerdetect.providers.exclusions import data as exclusions

_LOOKING_AHEAD = "(?!"  # RE2 cannot


def is_crawler(user_agent: str) -> bool:
    """Return whether a user agent names a robot, a library or a monitor."""
    without_known = _pattern(tuple(exclusions)).sub("", user_agent).strip()
    if not without_known:
        return False
    if _pattern(tuple(crawlers)).search(without_known) is not None:
        return True
    return any(expression.search(without_known) for expression in _others())


@cache
def _pattern(expressions: tuple[str, ...]) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.never_capture = True
    options.max_mem = 64 << 20
    return re2.compile("|".join(f"(?:{each})" for each in expressions if _LOOKING_AHEAD not in each), options)


@cache
def _others() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(each, re.IGNORECASE) for each in crawlers if _LOOKING_AHEAD in each)
