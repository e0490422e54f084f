"""What a set lacks of the past: by workspace, kind and birth, and nothing that is complete."""

from definitions.model import Call, Definitions, EventCount, EventMatcher, Segment, Window
from definitions.sets import next_set
from jobs.backfill.wanted import wanted

DAY = 86_400_000


def viewers(days: int, kind: str = "person", workspaces: tuple[str, ...] = ()) -> Segment:
    count = EventCount(EventMatcher((Call("track", "View"),)), Window(days * DAY))
    return Segment(f"viewers_{kind}", count, kind=kind, workspaces=workspaces)  # type: ignore[arg-type]


def buyers() -> Segment:
    return Segment("buyers", EventCount(EventMatcher((Call("track", "Buy"),)), Window(DAY)))


def test_what_was_born_together_is_asked_for_together() -> None:
    first = next_set(None, Definitions((viewers(1), buyers())), {}, 0, "")
    second = next_set(first, Definitions((viewers(2), buyers(), viewers(1, "device"))), {}, 0, "")
    asked = [(each.kind, each.born, len(each.accumulators)) for each in wanted(second, "main", 0)]
    assert asked == [("person", 1, 1), ("person", 2, 1), ("device", 2, 1)]
    assert [(each.kind, each.born) for each in wanted(second, "main", 1)] == [("person", 2), ("device", 2)]
    assert wanted(second, "main", 2) == ()


def test_no_query_is_asked_for_more_than_it_bears() -> None:
    events = (EventMatcher((Call("track", f"View {number}"),)) for number in range(250))
    counts = (EventCount(each, Window(DAY)) for each in events)
    segments = tuple(Segment(f"s{number}", count) for number, count in enumerate(counts))
    of = next_set(None, Definitions(segments), {}, 0, "")
    assert [len(each.accumulators) for each in wanted(of, "main", 0)] == [100, 100, 50]


def test_a_workspace_lacks_what_concerns_it_alone() -> None:
    only = next_set(None, Definitions((viewers(1, workspaces=("shop",)),)), {}, 0, "")
    assert wanted(only, "main", 0) == ()
    assert [each.workspace for each in wanted(only, "shop", 0)] == ["shop"]
