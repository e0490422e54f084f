"""`onefold demo`: the stack on a folder of its own, real purchases, a live shop. What is shown, is `onefold.demo`'s."""

import shutil
import tempfile
from pathlib import Path

import click

from embedded.layout import Ports
from embedded.screen import screen_for
from embedded.stack import Stack, StackOptions
from embedded.terminal import Terminal
from onefold.commands.up import port_options, stop, stopping_on_signals
from onefold.demo.play import DemoFailed, play
from onefold.demo.receivers import Receivers
from onefold.examples import DEMO


@click.command()
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    envvar="DEMO_SECONDS",
    help="Play the shop for so long and end; without it the stack stays up until Ctrl-C. Also DEMO_SECONDS.",
)
@port_options
def demo(seconds: float | None, **ports: int) -> None:
    """Start the whole stack, import CDNOW, play a live shop, and show what became of both.

    The data lies in a temporary folder that is removed at the end; `onefold up` keeps its own.

    \b
    Examples:
      onefold demo
      DEMO_SECONDS=20 onefold demo
    """
    console = Terminal()
    chosen = Ports(**{name.removesuffix("_port"): port for name, port in ports.items()})
    data_dir = Path(tempfile.mkdtemp(prefix="onefold-demo-"))
    console.print("[bold]Onefold[/bold]: every event of a person, one profile, within a second", markup=True)
    with stopping_on_signals(), Receivers() as receivers:
        definitions = receivers.definitions(DEMO, data_dir / "definitions")
        options = StackOptions(data_dir=data_dir, definitions=definitions, ports=chosen)
        stack = Stack(options, screen_for(console))
        try:
            stack.start()
            play(stack, console, seconds, receivers)
        except DemoFailed as failure:
            raise click.ClickException(str(failure)) from failure
        except KeyboardInterrupt:
            console.print("\nStopping (once more: at once) ...")
        finally:
            stop(stack)
            shutil.rmtree(data_dir, ignore_errors=True)
