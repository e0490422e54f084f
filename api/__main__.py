"""`python -m api`: the API for look-ups and operators' requests as a process of its own, configured by `ONEFOLD_*`."""

import argparse
import sys

import definitions
import settings
from api.service import serve
from runtime.http.serving import run_server


def main() -> int:
    """Run until SIGTERM or SIGINT; 0 after an orderly end, 1 with one line on stderr if it cannot start."""
    argparse.ArgumentParser(
        prog="python -m api", description="Answer look-ups and take operators' requests over HTTP."
    ).parse_args()
    mendable = (settings.SettingsError, definitions.DefinitionErrors)
    return run_server("api", lambda: serve(settings.load()), mendable)


if __name__ == "__main__":
    sys.exit(main())
