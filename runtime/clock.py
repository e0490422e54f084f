"""The system's time, as records hold it."""

import time


def now_ms() -> int:
    """Return milliseconds since 1970 by the system's clock, which may be set back."""
    return time.time_ns() // 1_000_000
