"""`python -m bench.activation`: exits by time, entries from request to topic, and a back-fill, each beside live events.

Each part has a stack of its own, with all processes. The whole form has the numbers that are asked for, `--small` a
twentieth of the people, events and seconds at the same rates. Latencies belong to the machine: everything runs on it.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.activation import backfill, entries, exits
from bench.activation.scale import SMALL, WHOLE, Scale
from embedded.layout import Ports
from embedded.screen import screen_for
from embedded.stack import ALL_PROCESSES, Stack, StackOptions
from embedded.terminal import Terminal

PARTS: dict[str, Callable[[Stack, Scale], list[str]]] = {
    "exits": exits.measure,
    "burst": exits.measure_burst,
    "entries": entries.measure,
    "backfill": backfill.measure,
}


def main() -> int:
    """Measure and print; 1 when something is not as fast as is asked for."""
    arguments = argparse.ArgumentParser(prog="python -m bench.activation", description=__doc__)
    arguments.add_argument("--small", action="store_true", help="a twentieth of everything but the rates")
    arguments.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS), help="some of the parts")
    arguments.add_argument("--keep", type=Path, help="keep the data of the stacks in this folder, with their logs")
    chosen = arguments.parse_args()
    scale, console, missed = SMALL if chosen.small else WHOLE, Terminal(), 0
    for name in chosen.only:
        with tempfile.TemporaryDirectory(prefix="onefold-bench-") as folder:
            data_dir = (chosen.keep or Path(folder)) / name
            with Stack(
                StackOptions(data_dir, ports=Ports.free(), processes=ALL_PROCESSES), screen_for(console)
            ) as stack:
                for line in PARTS[name](stack, scale):
                    console.print(f"{name}: {line}", highlight=False)
                    missed += line.startswith("MISSED")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
