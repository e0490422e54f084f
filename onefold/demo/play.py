"""The course of the demo: stack, import, shop, story. What each step shows is in the other modules of this folder."""

import subprocess
import sys
import time
from pathlib import Path

import httpx

from embedded.stack import Stack
from embedded.terminal import Terminal
from onefold.demo import figures, story
from onefold.demo.board import Board
from onefold.demo.receivers import ReceivedSoFar, Receivers
from onefold.demo.shop import Shop
from runtime.errors import OnefoldError
from warehouse.client import look_ups
from warehouse.queries.demo import cdnow_totals

BOARD_EVERY_S = 0.5
DRAIN_S = 60


class DemoFailed(Exception):
    """Something on the way did not do what it should; the message says what."""


def play(stack: Stack, console: Terminal, seconds: float | None, receivers: Receivers) -> None:
    """Show everything on a running stack. `seconds`: how long the shop plays; None: until Ctrl-C, story included.

    `receivers`: to whom its destinations lead.

    Raises DemoFailed.
    """
    _import_cdnow(stack, console)
    if of_history := receivers.received().requests:
        console.print(f"  the webhook has received {of_history:,} entries and exits of segments of these 18 months")
    shop = Shop(stack.addresses.http, "dev")
    console.print(
        "\n[bold]A live shop[/bold]: seeded, simulated visitors; real SDK, real HTTP, wall clock", markup=True
    )
    shop.open()
    try:
        _watch(stack, console, 20.0 if seconds is None else seconds, receivers)
        if seconds is None:
            _show_story(stack, console, shop, stays_up=True)
            _stay(stack)
    finally:
        shop.close()
    if shop.errors:
        raise DemoFailed(f"the SDK could not deliver: {shop.errors[0]}")
    if seconds is not None:
        _drain(stack)
        _require_all_folded(_figures(stack, receivers.received()), shop.sent)
        _require_family_apart(stack, shop)
        _show_story(stack, console, shop, stays_up=False)


def _import_cdnow(stack: Stack, console: Terminal) -> None:
    console.print("\n[bold]CDNOW[/bold]: 18 months of real purchases, on their own clock", markup=True)
    started = time.monotonic()
    _command(stack, "import", "cdnow")
    _drain(stack)
    totals = cdnow_totals(look_ups(stack.addresses.clickhouse))
    if totals != story.CDNOW_EXPECTED:
        raise DemoFailed(f"CDNOW should come to {story.CDNOW_EXPECTED} in ClickHouse, and comes to {totals}")
    console.print(
        f"  in ClickHouse after {time.monotonic() - started:.1f} s: {totals.events:,} events, "
        f"{totals.profiles:,} profiles, {totals.quantity:,} CDs, ${totals.total:,}, {totals.first} to {totals.last}",
    )


def _watch(stack: Stack, console: Terminal, seconds: float, receivers: Receivers) -> None:
    started, before = time.monotonic(), receivers.received()
    with Board(console) as board:
        while (played := time.monotonic() - started) < seconds:
            stack.tend()
            board.show(_figures(stack, receivers.received().since(before)), played)
            time.sleep(BOARD_EVERY_S)
        board.show(_figures(stack, receivers.received().since(before)), seconds)


def _figures(stack: Stack, received: ReceivedSoFar) -> figures.Figures:
    try:
        return figures.read(stack.addresses, "main", received)
    except (httpx.HTTPError, OnefoldError) as error:
        raise DemoFailed(f"a process of the stack does not answer: {error}") from error


def _show_story(stack: Stack, console: Terminal, shop: Shop, stays_up: bool) -> None:
    story.show_results(console, stack.addresses, shop.tablet)
    if stays_up:
        story.show_next_steps(console, stack.addresses, stack.options.data_dir)
    else:
        story.show_own_start(console, stack.options.ports)


def _stay(stack: Stack) -> None:
    """Until Ctrl-C, which arrives as KeyboardInterrupt."""
    while True:
        stack.tend()
        time.sleep(BOARD_EVERY_S)


def _require_all_folded(now: figures.Figures, sent: int) -> None:
    if not sent == now.accepted == now.in_profiles:
        raise DemoFailed(
            f"{sent} events were sent, {now.accepted} accepted, and the profiles are made of {now.in_profiles}"
        )


def _require_family_apart(stack: Stack, shop: Shop) -> None:
    owners = story.family_of(stack.addresses, shop.tablet)
    if owners and len({owner.profile_id for owner in owners}) != len(shop.tablet.family) + 1:
        raise DemoFailed(f"the family tablet and its two persons should be three profiles: {owners}")


def _drain(stack: Stack) -> None:
    _command(stack, "drain", "--timeout", str(DRAIN_S), "--json", quiet=True)


def _command(stack: Stack, *arguments: str, quiet: bool = False) -> None:
    command = [sys.executable, "-P", "-m", "onefold", *arguments]
    ended = subprocess.run(
        command, env=dict(stack.environment), check=False, cwd=Path.cwd(), capture_output=quiet, text=True
    )
    if ended.returncode != 0:
        detail = f": {(ended.stderr or ended.stdout).strip()}" if quiet else ""
        raise DemoFailed(f"`onefold {' '.join(arguments)}` failed{detail}")
