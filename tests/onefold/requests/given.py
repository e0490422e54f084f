"""What operators request in these tests, and what GRAPH answers."""

from collections.abc import Sequence

import click
from click.testing import CliRunner, Result

from embedded.stack import Stack
from schemas.records import Claim, Claimant, Identifier, IdentityChange, IdentityRequest, Pair
from tests.sinks.examples import ADAS
from tests.support import plain
from warehouse.queries.values import literal

BOB = Identifier("user_id", "bob")
BOBS = "00000000-0000-5000-8000-000000000b0b"


def run(command: click.Command, environment: dict[str, str], workspace: str, *arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments, "--workspace", workspace], env=environment)


def unmerged(request: IdentityRequest) -> Sequence[IdentityChange]:
    """Bob is taken out of Ada's profile, and both are rebuilt at once."""
    claims = (
        Claimant(ADAS, (Claim("user_id", "ada"), Claim("anonymous_id", "phone", until=5))),
        Claimant(BOBS, (Claim("user_id", "bob"),)),
    )
    own = IdentityChange(request.workspace, 7, "unmerged", 0, request_id=request.request_id, claimants=claims)
    other = IdentityChange(request.workspace, 6, "nothing", 0, request_id="another's", reason="not yours")
    rebuilt = IdentityChange(
        request.workspace, 7, "rebuilt", 0, request_id=request.request_id, events=1_204, milliseconds=1_520
    )
    return other, own, rebuilt


def unchanged(request: IdentityRequest) -> Sequence[IdentityChange]:
    reason = "they are not one person"
    return (IdentityChange(request.workspace, 7, "nothing", 0, request_id=request.request_id, reason=reason),)


def undecided(_request: IdentityRequest) -> Sequence[IdentityChange]:
    return ()


def link(workspace: str, number: int, source: str, status: str = "active", day: int = 1) -> str:
    return (
        f"({literal(workspace)}, 'user_id', 'u{number}', 'email', 'e{number}@x.org', '{status}', '{source}',"
        f" '2026-03-{day:02} 00:00:00', 1)"
    )


def write_links(stack: Stack, *links: str) -> None:
    columns = (
        "workspace, left_namespace, left_value, right_namespace, right_value, status, source, occurred_at, version"
    )
    statement = f"INSERT INTO onefold.links ({columns}) VALUES {', '.join(links)}"
    plain.post(stack.addresses.clickhouse, content=statement).raise_for_status()


def pair(number: int, source: str = "") -> Pair:
    return Pair(Identifier("user_id", f"u{number}"), Identifier("email", f"e{number}@x.org"), source)
