"""Times as SQL reads and writes them: texts of ISO 8601, of all years, not only of those that ClickHouse has.

A time is a number of ms, or NO_TIME.
"""

from datetime import UTC, datetime, timedelta

NO_TIME = -(2**62)
LEAST, GREATEST = -62_135_596_800_000, 253_402_300_799_999
DAY_MS = 86_400_000

_PATTERN = (
    r"^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\\.([0-9]{1,9}))?)?"
    r"(?:Z|([+-])([0-9]{2})(?::?([0-9]{2}))?)?)?$"
)


def _let(name: str, value: str, body: str) -> str:
    """An expression in which a name stands for a value."""
    return f"arrayMap({name} -> {body}, [{value}])[1]"


# Years begin in March: a leap day is the last one. Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
_MONTH = "(if(n[2] <= 2, n[2] + 9, n[2] - 3))"
_DAY_OF_ERA = f"(y % 400) * 365 + intDiv(y % 400, 4) - intDiv(y % 400, 100) + intDiv(153 * {_MONTH} + 2, 5) + n[3] - 1"
_DAYS = f"(intDiv(y, 400) * 146097 + {_DAY_OF_ERA} - 719468)"
_IS_LEAP = "(n[1] % 4 = 0 AND (n[1] % 100 != 0 OR n[1] % 400 = 0))"
_DAYS_OF_MONTH = f"multiIf(n[2] = 2, 28 + {_IS_LEAP}, n[2] IN (4, 6, 9, 11), 30, 31)"
_IS_VALID = (
    f"notEmpty(g) AND n[1] >= 1 AND n[2] BETWEEN 1 AND 12 AND n[3] BETWEEN 1 AND {_DAYS_OF_MONTH}"
    " AND n[4] <= 23 AND n[5] <= 59 AND n[6] <= 59 AND n[9] <= 23 AND n[10] <= 59"
)
_MS = (
    f"({_DAYS} * {DAY_MS} + n[4] * 3600000 + n[5] * 60000 + n[6] * 1000"
    " + toInt64OrZero(rightPad(substring(g[7], 1, 3), 3, '0'))"
    " - if(g[8] = '-', -1, 1) * (n[9] * 3600000 + n[10] * 60000))"
)
_READ = _let(
    "n",
    "arrayMap(digits -> toInt64OrZero(digits), g)",
    _let(
        "y",
        "n[1] - (n[2] <= 2)",
        _let("ms", f"if({_IS_VALID}, {_MS}, {NO_TIME})", "if(ms BETWEEN {0} AND {1}, ms, {2})"),
    ),
).format(LEAST, GREATEST, NO_TIME)
TIME_OF = f"""value -> {_let("g", f"if(value.1 = 1, extractGroups(value.3, '{_PATTERN}'), [])", _READ)}"""
"""A function of a value's tuple: the time that its text says."""

TEXT_OF_TIME = "ms -> concat(replaceOne(toString(fromUnixTimestamp64Milli(ms, 'UTC')), ' ', 'T'), 'Z')"

_DAY_IN_ERA = "(z % 146097)"
_YEAR = (
    f"intDiv({_DAY_IN_ERA} - intDiv({_DAY_IN_ERA}, 1460) + intDiv({_DAY_IN_ERA}, 36524)"
    f" - intDiv({_DAY_IN_ERA}, 146096), 365)"
)
_CIVIL = _let(
    "z",
    f"intDiv(time - positiveModulo(time, {DAY_MS}), {DAY_MS}) + 719468",
    _let(
        "year",
        _YEAR,
        _let(
            "day",
            f"{_DAY_IN_ERA} - (365 * year + intDiv(year, 4) - intDiv(year, 100))",
            _let(
                "month",
                "intDiv(5 * day + 2, 153)",
                "(year + intDiv(z, 146097) * 400 + (month >= 10), "
                "if(month < 10, month + 3, month - 9) * 100 + day - intDiv(153 * month + 2, 5) + 1)",
            ),
        ),
    ),
)
CIVIL_OF = f"time -> {_CIVIL}"
"""A function of a time: its year, and month * 100 + day."""


def civil(ms: int) -> tuple[int, int]:
    """Return the same of a known time."""
    day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    return day.year, day.month * 100 + day.day
