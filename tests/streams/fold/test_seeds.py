"""Seeds that wait at a profile: of which attempt they are, and what is taken of them once it is known which counts."""

from msgspec import Raw

from streams.fold.seeds import PendingSeed, Seeds

ONE, OTHER, LATER = {"a": Raw(b"\x01")}, {"b": Raw(b"\x02")}, {"a": Raw(b"\x03")}


def test_the_parts_of_an_attempt_come_together_and_a_later_attempt_takes_its_place() -> None:
    seeds = Seeds()
    seeds.take("ann", PendingSeed("1", 7, ONE))
    seeds.take("ann", PendingSeed("1", 7, OTHER))
    assert seeds.pending == {"ann": PendingSeed("1", 7, ONE | OTHER)}
    seeds.take("ann", PendingSeed("2", 7, LATER))
    seeds.take("ann", PendingSeed("1", 7, ONE))
    assert seeds.pending == {"ann": PendingSeed("2", 7, LATER)}


def test_what_is_complete_is_taken_out_and_counts_if_its_attempt_does() -> None:
    seeds = Seeds(
        {"ann": PendingSeed("1", 7, ONE), "ben": PendingSeed("2", 7, OTHER), "eve": PendingSeed("2", 9, LATER)}
    )
    assert [seeds.is_due(version) for version in (6, 7, 9)] == [False, True, True]
    assert list(seeds.take_out(7, {"2"})) == [OTHER]
    assert seeds.pending == {"eve": PendingSeed("2", 9, LATER)}
