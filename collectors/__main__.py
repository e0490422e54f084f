"""`python -m collectors`: the HTTP collector as a process of its own, configured by `ONEFOLD_*`."""

import argparse
import sys

import definitions
import settings
from collectors.service import serve
from runtime.http.serving import run_server


def main() -> int:
    """Run until SIGTERM or SIGINT; 0 after an orderly end, 1 with one line on stderr if it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m collectors", description="Take events over HTTP into Kafka.")
    parser.add_argument(
        "--alone",
        action="store_true",
        help="be ready without the other processes and the warehouse (where they run on other machines)",
    )
    arguments = parser.parse_args()

    def collect() -> None:
        loaded = settings.load()
        serve(loaded, definitions.load(loaded.definitions).identity, whole_stack=not arguments.alone)

    return run_server("collector", collect, (settings.SettingsError, definitions.DefinitionErrors))


if __name__ == "__main__":
    sys.exit(main())
