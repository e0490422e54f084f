"""`python -m api`: the API for look-ups and operators' requests as a process of its own, configured by `ONEFOLD_*`."""

import argparse
import signal
import sys

import definitions
import settings
from api.service import serve
from runtime import logs
from runtime.http.serving import ApplicationGaveUp, PortTaken


def main() -> int:
    """Run until SIGTERM or SIGINT; 0 after an orderly end, 1 with one line on stderr if it cannot start."""
    argparse.ArgumentParser(
        prog="python -m api", description="Answer look-ups and take operators' requests over HTTP."
    ).parse_args()
    logs.configure()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again when it has ended in good order: that is success.
        signal.signal(signal_number, lambda *_: sys.exit(0))
    try:
        serve(settings.load())
    except (ApplicationGaveUp, PortTaken, settings.SettingsError, definitions.DefinitionErrors) as error:
        print(f"api: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
