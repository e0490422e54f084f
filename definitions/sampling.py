"""Stable random parts of all profiles: by a hash of profile and salt, so that SQL finds the same ones."""

import hashlib


def is_sampled(salt: str, profile_id: str, permille: int) -> bool:
    """Return whether a profile belongs to the sample of a salt: the first `permille` of a thousand parts."""
    if not permille:
        return False
    digest = hashlib.md5(f"{salt}|{profile_id}".encode(), usedforsecurity=False).hexdigest()
    return int(digest[:8], 16) % 1000 < permille
