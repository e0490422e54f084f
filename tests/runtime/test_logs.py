"""How our processes log: one line a record, and nothing in it that a sender could have forged."""

import re
import subprocess
import sys

import pytest

RECORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ ")
FORGED = "2026-01-01 00:00:00,000 ERROR onefold: forged"
NAME = f"\x1b[2J\x9b31m \u202eevent\r\n{FORGED}"


def logged(code: str) -> str:
    """What a process writes that logs as ours do."""
    start = f"import logging, threading\nfrom runtime import logs\nlogs.configure()\nname = {NAME!a}\n"
    ended = subprocess.run([sys.executable, "-c", start + code], stderr=subprocess.PIPE, check=False)
    return ended.stderr.decode()


@pytest.mark.parametrize(
    ("code", "records"),
    [
        ("logging.error('event %s was dropped', name)", 1),
        ("logging.getLogger(name).error('x')", 1),
        ("try: raise ValueError(name)\nexcept ValueError: logging.exception('failed: %s', name)", 1),
        ("logging.error('here', stack_info=True)", 1),
        ("raise ValueError(name)", 1),
        ("thread = threading.Thread(target=lambda: int(name), name=name); thread.start(); thread.join()", 1),
        ("def fail(): raise SystemExit\nthread = threading.Thread(target=fail); thread.start(); thread.join()", 0),
    ],
)
def test_a_record_is_one_line_and_a_forged_one_is_none(code: str, records: int) -> None:
    out = logged(code)
    assert out.replace("\n", "").isprintable()
    assert len([line for line in out.splitlines() if RECORD.match(line)]) == records
    assert not any(line.startswith(FORGED) for line in out.splitlines())


def test_a_traceback_is_kept_below_its_record() -> None:
    first, *rest = logged("try: raise ValueError(name)\nexcept ValueError: logging.exception('failed')").splitlines()
    assert first.endswith(" ERROR root: failed")
    assert rest[0] == "    Traceback (most recent call last):"
    assert all(line.startswith("    ") for line in rest)
    assert f"    {FORGED}" in rest
