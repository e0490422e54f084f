"""Every page of documentation: its links lead somewhere, and nothing is left to be filled in."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md"))
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LEFT = re.compile(r"@[A-Z][A-Z0-9_]+@|\b(?:TODO|FIXME|XXX|TBD)\b")


def _anchor(heading: str) -> str:
    """The fragment under which GitHub shows a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _dead(page: Path) -> Iterator[str]:
    for link in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
        path, _, fragment = link.partition("#")
        if ":" in path:
            continue
        target = page if not path else page.parent / path
        if not target.exists():
            yield link
        elif fragment and target.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            if fragment not in map(_anchor, headings):
                yield link


def test_the_pages_are_found() -> None:
    assert {ROOT / "README.md", ROOT / "docs" / "glossary.md", ROOT / "docs" / "guide" / "sending.md"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert list(_dead(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_nothing_is_left_to_be_filled_in(page: Path) -> None:
    assert _LEFT.findall(page.read_text(encoding="utf-8")) == []
