"""What holds of a profile: its segments, and the traits that it shows."""

from definitions.model import Statistical
from tests.definitions.naive.aggregates import contributing
from tests.definitions.naive.conditions import holds, trait_value
from tests.definitions.naive.lives import Life, past


def members(life: Life, now: int) -> set[str]:
    """Names of the segments that the profile is in; none before its first event."""
    if not past(life, now):
        return set()
    return {segment.name for segment in life.definitions.segments if holds(segment.when, life, now)}


def shown_traits(life: Life, now: int) -> dict[str, object]:
    """The defined traits that the profile shows, by name."""
    shown = {}
    for trait in life.definitions.traits:
        is_of_nothing = isinstance(trait.value, Statistical) and not contributing(trait.value.aggregate, life, now)
        value = trait_value(trait, life, now)
        if value is not None and not is_of_nothing:
            shown[trait.name] = value
    return shown
