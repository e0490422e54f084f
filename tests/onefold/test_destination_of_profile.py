"""`onefold destination test --profile`: a delivery of what ClickHouse knows of somebody, to a real receiver."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from embedded.stack import Stack
from onefold.cli import onefold
from schemas import topics
from schemas.identity import profile_key
from schemas.records import ConsentChange, ConsentEntry, Identifier
from tests.definitions.folders import write
from tests.sinks.destinations.receiver import HttpReceiver, Request, always
from tests.sinks.examples import NOW, profile
from tests.sinks.sink_process import Feeder, running_sink, sink_lags
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

MEI, OTTO = "00000000-0000-5000-8000-00000000d001", "00000000-0000-5000-8000-00000000d002"
HOOK = """
    destination: tried
    type: webhook
    url: {url}
    allow_private: true
    purpose: marketing
    mapping:
      who: "@profile.id"
      mails: "@identifiers.email[*]"
      hello: "你好 {{{{ traits.name }}}}"
      rate: "@traits.rate"
"""
CONSENT = "purposes: [{purpose: marketing, default: opt_in}]"


@pytest.fixture(scope="module", autouse=True)
def people(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two persons, of whom one has consented."""
    with running_sink(stack, tmp_path_factory.mktemp("sink")):
        feeder = Feeder(stack)
        mei = (Identifier("email", "mei@a.example"), Identifier("email", "mei@b.example"))
        traits = '{"name": "梅", "rate": 1.10, "private": "hunter2"}'
        known = ((MEI, mei, traits, "granted"), (OTTO, (Identifier("email", "otto@a.example"),), "{}", "denied"))
        for profile_id, identifiers, said, status in known:
            key = profile_key("main", profile_id)
            feeder.send([(topics.PROFILES, 0, 0, key, profile(profile_id, 3, identifiers=identifiers, traits=said))])
            entry = ConsentEntry("marketing", "all", status, NOW, "m1", "web", "v1")  # type: ignore[arg-type]
            change = ConsentChange("main", profile_id, "person", profile_id, 0, 1, NOW, "{}", (entry,))
            feeder.send([(topics.CONSENTS, 0, 0, key, change)])
        wait_until(lambda: not sink_lags(stack), "the sink to have read everything")
        yield


def trial(stack: Stack, folder: Path, profile: str, *arguments: str) -> Result:
    command = ["destination", "test", "tried", "--definitions", str(folder), "--profile", profile, *arguments]
    return CliRunner().invoke(onefold, command, env=dict(stack.environment))


def test_the_fields_are_of_the_profile_whoever_is_asked_for(stack: Stack, tmp_path: Path) -> None:
    write(tmp_path, {"destinations/tried.yaml": HOOK.format(url="http://127.0.0.1:9"), "consent.yaml": CONSENT})
    for identifier in (MEI, "email:mei@b.example"):
        result = trial(stack, tmp_path, identifier, "--dry-run", "--json")
        assert result.exit_code == 0, result.output
        assert '"rate":1.1' in result.output.replace(" ", "")
        fields = json.loads(result.stdout)["fields"]
        mails = ["mei@a.example", "mei@b.example"]
        assert fields == {"who": MEI, "mails": mails, "hello": "你好 梅", "rate": 1.1}
    missing = trial(stack, tmp_path, "email:nobody@a.example", "--dry-run")
    assert missing.exit_code == 1
    assert "has no profile with email:nobody@a.example" in missing.output
    assert trial(stack, tmp_path, "nonsense", "--dry-run").exit_code == 2


def test_who_has_consented_is_sent_and_who_has_not_is_not(stack: Stack, tmp_path: Path) -> None:
    async def tried() -> tuple[Result, Result, list[Request]]:
        async with HttpReceiver(always(204)) as receiver:
            write(tmp_path, {"destinations/tried.yaml": HOOK.format(url=receiver.url), "consent.yaml": CONSENT})
            denied = await asyncio.to_thread(trial, stack, tmp_path, "email:otto@a.example")
            return denied, await asyncio.to_thread(trial, stack, tmp_path, MEI), receiver.requests

    denied, sent, requests = asyncio.run(tried())
    assert denied.exit_code == 1
    assert "nothing is sent: marketing" in denied.output
    assert sent.exit_code == 0, sent.output
    (request,) = requests
    assert json.loads(request.body)["who"] == MEI
    assert b"hunter2" not in request.body
