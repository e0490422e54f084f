"""What all of the rebuilder's process counts; served on its metrics port."""

from prometheus_client import Counter

RETRIES = Counter("onefold_rebuilder_retries", "Attempts that failed and were repeated.", ["step"])
