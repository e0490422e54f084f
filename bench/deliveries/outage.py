"""A receiver that was down for an hour: how soon it has all that waited, and what another destination feels of it.

The hour's changes are written faster than in an hour, with the times of the hour.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from bench.activation.scale import judged, quantile
from bench.deliveries.steady import Steady, p99_of, rss_mb, send_steadily, taken_ms, wait, waiting, warm
from bench.deliveries.world import ReceivedDelivery, World, world

RATE = 200
"""Changes a second, of each of both destinations."""
HOUR_S = 3_600
CHANGES_EACH = 3
"""Of a person within the hour: their order counts."""
MEMORY_REQUIRED_MB = 500


def measure(folder: Path, scale: float) -> Iterator[str]:
    """Let them wait, then let the receiver come back while both destinations get live changes."""
    number = round(HOUR_S * RATE * scale)
    with world(folder, "hook", "down") as bench:
        warm(bench)
        p99_of(bench, Steady("hook", RATE, "v"), 30 * scale)  # what has just started is slow
        alone = p99_of(bench, Steady("hook", RATE, "a"), 60 * scale)
        bench.take_down(is_down=True)
        _fill(bench, number)
        yield f"{number:,} changes of {number // CHANGES_EACH:,} people wait, in {rss_mb(bench):,.0f} MB"
        bench.take_down(is_down=False)
        back_at, most_mb = time.time_ns(), [0.0]

        def has_drained() -> bool:
            most_mb.append(rss_mb(bench))
            return len(bench.received("d")) >= number

        live, own = Steady("hook", RATE, "l"), Steady("down", RATE, "n")
        send_steadily(bench, [live, own], has_drained)
        waited, beside = bench.received("d"), quantile(taken_ms(bench, live), 0.99)
        yield from _drained(waited, back_at)
        yield f"p99 of the other destination {beside:,.0f} ms meanwhile, {alone:,.0f} ms alone: {beside / alone:.2f}"
        overtaken = _overtaken([*waited, *bench.received(own.prefix)])
        yield judged(f"{overtaken:,} deliveries came before an earlier one of the person", not overtaken, "none")
        yield judged(f"at most {max(most_mb):,.0f} MB", max(most_mb) < MEMORY_REQUIRED_MB, f"{MEMORY_REQUIRED_MB} MB")


def _fill(bench: World, number: int) -> None:
    """Write the changes of an hour that ends now, and return once they wait."""
    began_ms, people = time.time_ns() // 1_000_000 - HOUR_S * 1_000, number // CHANGES_EACH
    for change in range(number):
        bench.put(bench.record("down", change % people, "d", began_ms + change * HOUR_S * 1_000 // number))
        bench.poll()
    bench.flush()
    wait(lambda: waiting(bench, "down") >= number, "all to wait")


def _drained(waited: list[ReceivedDelivery], back_at: int) -> Iterator[str]:
    came = [each.came for each in waited]
    first_s, drained_s = (min(came) - back_at) / 1e9, (max(came) - min(came)) / 1e9
    per_s = len(came) / drained_s
    yield f"the first one came {first_s:,.0f} s after the receiver was back, all within {drained_s:,.0f} s of it"
    yield judged(f"{per_s:,.0f} a second, beside {RATE} live ones of each destination", per_s > RATE, f"over {RATE}")


def _overtaken(received: Iterable[ReceivedDelivery]) -> int:
    """Return how many deliveries came before one of the same person that was sent earlier."""
    sent: defaultdict[str, list[int]] = defaultdict(list)
    for each in sorted(received, key=lambda each: each.came):
        sent[each.profile].append(each.sent)
    return sum(later < earlier for times in sent.values() for earlier, later in pairwise(times))
