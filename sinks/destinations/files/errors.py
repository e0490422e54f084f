"""What a disk's or S3's errors mean, sorted once. Quotes no answer of S3: it repeats what was signed, and by whom."""

import re

from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError

from sinks.destinations.contract import Retry, Unauthorised

# obstore has one type for whatever else S3 answers; these parts of its text are not what S3 or anybody else has said.
_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_CONNECTION = re.compile(r"inner: Http\(\s*HttpError \{\s*kind: (\w+)")
_TOKENS = re.compile(r"<Code>(?:ExpiredToken|InvalidToken|TokenRefreshRequired)</Code>")
_THROTTLED = frozenset({429, 503})  # S3 says SlowDown with 503


def outcome_of(error: Exception) -> Retry | Unauthorised:
    """Return what became of deliveries whose file could not be written."""
    return _of_bucket(error) if _is_of_bucket(error) else _of_disk(error)


def _is_of_bucket(error: Exception) -> bool:
    # Python's own FileNotFoundError stands for an object or a bucket, too, then without a number of the system.
    return isinstance(error, BaseError) or (isinstance(error, FileNotFoundError) and error.errno is None)


def _of_disk(error: Exception) -> Retry | Unauthorised:
    if isinstance(error, TimeoutError):
        return Retry("timeout", "the file is not written in time")
    if isinstance(error, PermissionError):
        return Unauthorised("the folder may not be written by the user that runs the deliverer")
    said = error.strerror if isinstance(error, OSError) else None
    return Retry("unavailable", f"the disk does not take the file: {said or type(error).__name__}")


def _of_bucket(error: Exception) -> Retry | Unauthorised:
    text = str(error)
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or _TOKENS.search(text):
        return Unauthorised("S3 does not accept the access key, or it may not write there")
    if isinstance(error, NotFoundError | FileNotFoundError):
        return Retry("unavailable", "S3 has no such bucket")
    if answered := _STATUS.search(text):
        status = int(answered[1])
        return Retry("throttled" if status in _THROTTLED else "unavailable", f"S3 answers {status}")
    if failed := _CONNECTION.search(text):
        if failed[1] == "Timeout":
            return Retry("timeout", "S3 does not answer in time")
        return Retry("network", "S3 cannot be reached")
    return Retry("unavailable", "S3 did not take the file")
