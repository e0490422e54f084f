"""The destinations that the guide shows for stores are definitions, and can be opened."""

import re
from pathlib import Path

import pytest

from definitions.reading.folder import load
from sinks.destinations.opening import open_destination
from tests.definitions.folders import write

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "receivers.md"
EXAMPLES = {
    name: text
    for text, name in re.findall(
        r"```yaml\n(destination: (\w+)\n.*?)```", GUIDE.read_text(encoding="utf-8").partition("\n## Stores")[2], re.S
    )
}


@pytest.mark.parametrize("name", ["changes_topic", "members_table", "exports"])
def test_an_example_can_be_opened(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("KAFKA_PASSWORD", "CRM_PASSWORD", "EXPORTS_KEY", "EXPORTS_SECRET"):
        monkeypatch.setenv(variable, "secret")
    (definition,) = load(write(tmp_path, {f"destinations/{name}.yaml": EXAMPLES[name]})).destinations
    assert open_destination(definition).batching.deliveries >= 1_000
