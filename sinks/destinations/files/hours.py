"""Names the folder of an hour, and says when an hour is over: pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

GRACE = timedelta(minutes=5)
"""A file that was begun in an hour may be finished after it, and clocks differ."""

LONGEST_WRITE_S = 180.0
"""From the choice of a folder to the file's being there: it must end within the grace, though clocks differ."""

LOOKED_BACK = timedelta(days=3)
"""Which hours are marked by a process that has just started."""

SUCCESS = "_SUCCESS"


def folder_of(hour: datetime) -> str:
    """Return the folder of the hour that a time is in, in UTC."""
    return f"{day_of(hour)}/hour={hour.astimezone(UTC):%H}"


def day_of(time: datetime) -> str:
    """Return the folder of the day that a time is in, in UTC."""
    return f"dt={time.astimezone(UTC):%Y-%m-%d}"


def is_over(folder: str, now: datetime) -> bool:
    """Return whether nothing is written into a folder of an hour any more; never of what is no such folder."""
    try:
        begins = datetime.strptime(folder, "dt=%Y-%m-%d/hour=%H").replace(tzinfo=UTC)
    except ValueError:
        return False
    return now >= begins + timedelta(hours=1) + GRACE


def days_back(now: datetime) -> Iterator[str]:
    """Yield the folders of the days in which an hour may wait for its mark."""
    day = now - LOOKED_BACK
    while day <= now:
        yield day_of(day)
        day += timedelta(days=1)
