"""`onefold up`: the whole stack on this machine, until it is stopped. What the stack is, is `embedded`'s."""

import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click
import msgspec
from rich.text import Text

from definitions.sets.topic import read_publication
from embedded.layout import Ports
from embedded.preflight import SERVES, flag, variable
from embedded.running import DEFAULT_DATA_DIR
from embedded.screen import error_console, screen_for
from embedded.stack import Stack, StackOptions
from onefold.examples import SHOP
from onefold.lacking_secrets import lacking_at_start, lacking_secrets
from runtime.errors import TransientError
from runtime.literal import literal
from settings import Clock, without_credentials

_TEND_EVERY_S = 0.2

Command = TypeVar("Command", bound=Callable[..., Any])


def port_options(command: Command) -> Command:
    """Add an option for each port of the stack, such as `--kafka-port`, also read from ONEFOLD_KAFKA_PORT and so on."""
    for field in reversed(msgspec.structs.fields(Ports)):
        option = click.option(
            flag(field.name),
            type=click.IntRange(1, 65535),
            default=field.default,
            show_default=True,
            envvar=variable(field.name),
            help=f"Port of {SERVES[field.name]}; also {variable(field.name)}.",
        )
        command = option(command)
    return command


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    default=DEFAULT_DATA_DIR,
    show_default=True,
    envvar="ONEFOLD_DATA_DIR",
    help="Where all state lives; another `up` on it goes on from there.",
)
@click.option(
    "--definitions",
    type=click.Path(path_type=Path),
    envvar="ONEFOLD_DEFINITIONS",
    help="Folder to apply, as the next version if another one is in effect, and of the rules of identity; also"
    " ONEFOLD_DEFINITIONS. Without it examples/shop is applied if nothing was applied before.",
)
@click.option(
    "--clock",
    type=click.Choice(["wall", "event"]),
    default="wall",
    show_default=True,
    help="Time in the workspace `main`: the wall clock, or the highest time of an event seen.",
)
@port_options
@click.option("--repair", "repairs", is_flag=True, help="Make tables again that were dropped, without their rows.")
@click.option("--json", "as_json", is_flag=True, help="Once ready, print the addresses as one JSON object.")
def up(data_dir: Path, definitions: Path | None, clock: Clock, repairs: bool, as_json: bool, **ports: int) -> None:
    """Start Kafka, schema registry, ClickHouse and Onefold's own processes, and keep them until Ctrl-C.

    Everything listens on loopback only. The first start fetches Kafka and the registry once.

    \b
    Examples:
      onefold up
      onefold up --data-dir /tmp/try --kafka-port 19092 --http-port 18080
      onefold up --clock event --json
    """
    console = error_console()
    chosen = Ports(**{name.removesuffix("_port"): port for name, port in ports.items()})
    options = StackOptions(
        data_dir=data_dir,
        definitions=definitions or SHOP,
        clock=clock,
        ports=chosen,
        keeps_definitions=definitions is None,
        repairs=repairs,
    )
    stack = Stack(options, screen_for(console))
    console.print(f"Onefold in {data_dir}", soft_wrap=True)
    ready = False
    with stopping_on_signals():
        try:
            stack.start()
            ready = True
            click.echo(msgspec.json.encode(stack.addresses).decode() if as_json else ready_text(stack))
            for line in _lacking(stack):
                console.print(Text(literal(line), style="yellow"), soft_wrap=True)
            while True:
                stack.tend()
                time.sleep(_TEND_EVERY_S)
        except KeyboardInterrupt:
            console.print("Stopping (once more: at once) ...")
        finally:
            stop(stack)
    if not ready:
        raise SystemExit(130)


def _lacking(stack: Stack) -> Iterator[str]:
    """Yield which destinations lack a secret, in the environment that the deliverer has of this process."""
    try:
        newest = read_publication(stack.settings.kafka).newest
    except TransientError as error:
        yield f"whether destinations lack a secret is not known: {error}"
        return
    destinations = () if newest is None else newest.destinations
    yield from lacking_at_start(lacking_secrets(destinations, stack.environment))


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Let SIGTERM and a closed terminal interrupt, within the block, as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop(stack: Stack) -> None:
    """Stop in order; at once when interrupted meanwhile."""
    try:
        stack.stop()
    except KeyboardInterrupt:
        stack.kill()


def ready_text(stack: Stack) -> str:
    """Return what a person needs once the stack is ready."""
    addresses = stack.addresses
    clickhouse = urlsplit(addresses.clickhouse)
    onefold, here = _as_typed(), ""
    if stack.options.data_dir != DEFAULT_DATA_DIR:
        here = f" --data-dir {shlex.quote(str(stack.options.data_dir))}"
    look_ups = "without a key" if stack.settings.serving.open_reads else "with ONEFOLD_READ_KEY"
    return "\n".join(
        [
            "",
            "Ready.",
            f"  collector          {addresses.http}   write key dev, workspace main",
            f"  API                {addresses.api}   look-ups {look_ups}, requests with ONEFOLD_ADMIN_KEY",
            f"  ClickHouse         {without_credentials(addresses.clickhouse)}   user {clickhouse.username}, "
            f"password {clickhouse.password}",
            f"  Kafka              {addresses.kafka}",
            f"  schema registry    {addresses.registry}",
            f"  metrics            {addresses.worker_metrics}  {addresses.sink_metrics}  {addresses.rebuilder_metrics}"
            f"  {addresses.deliverer_metrics}",
            f"  logs               {stack.logs}",
            "",
            "In another terminal:",
            f"  {onefold} sql{here} 'SELECT count() FROM events'",  # noqa: S608 - shown, not run
            f'  eval "$({onefold} env{here})"   # ONEFOLD_API, ONEFOLD_READ_KEY, ONEFOLD_ADMIN_KEY and more',
            "",
        ]
    )


def _as_typed() -> str:
    """Return what calls this program: its name where the shell finds it, else the path that was typed."""
    return "onefold" if shutil.which("onefold") else sys.argv[0]
