"""Where the example definitions lie that `onefold up` and `onefold demo` start with. No process reads them unasked."""

from pathlib import Path

_EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

SHOP = _EXAMPLES / "shop"
DEMO = _EXAMPLES / "demo"
