"""`python -m collectors`: the HTTP collector as a process of its own, configured by `ONEFOLD_*`."""

import argparse
import signal
import sys

import definitions
import settings
from collectors.service import serve
from runtime import logs
from runtime.http.serving import ApplicationGaveUp, PortTaken


def main() -> int:
    """Run until SIGTERM or SIGINT; 0 after an orderly end, 1 with one line on stderr if it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m collectors", description="Take events over HTTP into Kafka.")
    parser.add_argument(
        "--alone",
        action="store_true",
        help="be ready without the other processes and the warehouse (where they run on other machines)",
    )
    arguments = parser.parse_args()
    logs.configure()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again when it has ended in good order: that is success.
        signal.signal(signal_number, lambda *_: sys.exit(0))
    try:
        loaded = settings.load()
        serve(loaded, definitions.load(loaded.definitions).identity, whole_stack=not arguments.alone)
    except (ApplicationGaveUp, PortTaken, settings.SettingsError, definitions.DefinitionErrors) as error:
        print(f"collector: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
