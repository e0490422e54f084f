"""What each fault cost and how it ended, as a table for docs/reliability.md."""

from collections.abc import Iterable
from dataclasses import dataclass, field

FIGURES = "figures"  # the name under which a test reports its own


@dataclass
class Figures:
    """One test. `kills`: processes killed, stopped or restarted on the way; `events`: sent while that went on."""

    name: str
    kills: int = 0
    events: int = 0
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    result: str = "not run"


def table(rows: Iterable[Figures]) -> str:
    """The figures in Markdown."""
    lines = ["| test | kills, restarts | events | s | result | figures |", "| --- | --: | --: | --: | --- | --- |"]
    lines += [
        f"| `{row.name}` | {row.kills} | {row.events:,} | {row.seconds:.0f} | {row.result} | {'; '.join(row.notes)} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"
