"""The guard of the standard streams: no way to print a control character by accident."""

import subprocess
import sys

import pytest

NASTY = "\x1b]0;owned\x07 \x9b31m \u202e \r \x7f \u2028 \ud800"
ESCAPED = "\\x1b]0;owned\\x07 \\x9b31m \\u202e \\r \\x7f \\u2028 \\ud800"


def printed(code: str, **environment: str) -> bytes:
    """What comes out of a guarded process, on either stream."""
    ended = subprocess.run(
        [sys.executable, "-c", f"from runtime.output import guard_output; guard_output()\nnasty = {NASTY!a}\n{code}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        env={"PYTHONPATH": ":".join(sys.path), "PYTHONUTF8": "1"} | environment,
    )
    return ended.stdout


@pytest.mark.parametrize(
    "code",
    [
        "print(nasty)",
        "import sys; print(nasty, file=sys.stderr)",
        "import click; click.echo(nasty, color=True)",
        "import click; click.echo(nasty.encode(errors='surrogatepass'), err=True)",
        "import click; click.ClickException(nasty).show()",
        "import click; click.secho(nasty, err=True, color=True)",
        "import warnings; warnings.warn(nasty)",
        "import logging; logging.warning(nasty)",
        "raise ValueError(nasty)",
        "import threading; thread = threading.Thread(target=lambda: 1 / 0, name=nasty); thread.start(); thread.join()",
        "import click; click.confirm(nasty)",
    ],
)
def test_whatever_prints_no_control_character_comes_out(code: str) -> None:
    out = printed(code)
    assert out.replace(b"\n", b"").decode().isprintable()
    assert b"owned" in out


def test_what_shows_comes_out_as_it_is() -> None:
    text = "买家 👩\u200d👧\tx"
    assert printed(f"print({text!a})").decode() == f"{text}\n"


def test_a_locale_without_the_letters_is_no_failure() -> None:
    assert printed("print('买')", PYTHONUTF8="0", PYTHONIOENCODING="ascii") == b"\\u4e70\n"


def test_a_name_is_escaped_in_full() -> None:
    assert printed("print(nasty)").decode() == f"{ESCAPED}\n"


def test_a_guard_is_put_on_once_and_a_missing_stream_is_left() -> None:
    code = "import sys; first = sys.stdout; sys.stderr = None; guard_output(); print(first is sys.stdout, sys.stderr)"
    assert printed(code) == b"True None\n"
