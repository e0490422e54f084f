"""What became of a delivery, and why: the guide says of each outcome and reason what it means."""

from pathlib import Path
from typing import get_args

from schemas.records.deliveries import REASONS, DeliveryOutcome

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "deliveries.md"


def test_the_guide_names_each_outcome_and_each_reason() -> None:
    table = [line for line in GUIDE.read_text().splitlines() if line.startswith("| `")]
    outcomes = {line.split("`")[1] for line in table}
    assert outcomes >= set(get_args(DeliveryOutcome))
    said = {word for line in table for word in line.split("`")[1::2]}
    assert set(REASONS) - said == set()
