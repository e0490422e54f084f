"""Quiet hours, as triggers and destinations have them; which moments are in them is left to `streaming.quiet_hours`."""

import msgspec


class QuietHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When nothing fires or is sent, in minutes of the person's local day: from `begins` up to, not including, `ends`.

    `zone`: of persons who do not say theirs. `drops`: what would have fired never does; else it fires when they end.
    """

    begins: int
    ends: int
    zone: str = "UTC"
    drops: bool = False
