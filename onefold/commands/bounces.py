"""`onefold bounces`: mails that came back, as calls for the collector. What a report says is `collectors.bounces`'s."""

from collections.abc import Iterator
from typing import BinaryIO

import click
import msgspec

from collectors.bounces import MAX_REPORT_BYTES, NoReport, bounces_of, event_of
from runtime.literal import literal


@click.command("bounces", short_help="Turn mails that came back into events.")
@click.argument("files", nargs=-1, required=True, type=click.File("rb"))
def bounces(files: tuple[BinaryIO, ...]) -> None:
    """Read reports of delivery (RFC 3464), one in each of FILES (- for stdin), and print a batch for the collector.

    Each recipient that failed is an event "Email Bounced". One whose mailbox does not exist denies the consent for
    e-mail, if the report returns a mail of Onefold's. The same report is the same events, however often it comes.

    \b
    Examples:
      onefold bounces /var/mail/bounces/new/* > batch.json
      onefold bounces - < report.eml | curl --json @- -u "$WRITE_KEY:" http://127.0.0.1:8080/v1/batch
    """
    click.echo(msgspec.json.encode({"batch": list(_events(files))}))


def _events(files: tuple[BinaryIO, ...]) -> Iterator[object]:
    for file in files:
        name = literal(str(getattr(file, "name", "-")))  # what stands in for stdin may have none
        try:
            yield from map(event_of, bounces_of(file.read(MAX_REPORT_BYTES + 1)))
        except NoReport as error:
            click.echo(f"{name}: {error}", err=True)
        except OSError as error:
            raise click.ClickException(f"{name}: {error.strerror or error}") from None
