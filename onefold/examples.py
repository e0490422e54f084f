"""Where the example definitions lie that `onefold up` and `onefold demo` start with. No process reads them unasked."""

from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

SHOP = EXAMPLES / "shop"
DEMO = EXAMPLES / "demo"
