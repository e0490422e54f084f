"""The guide's destinations and each kind's preset: they are read, and what they make of a person is what is sent."""

import re
from pathlib import Path

import pytest

from definitions import load
from definitions.compiled_mapping import fields_of
from definitions.destinations import Destination
from definitions.receivers.google_data_manager import GoogleDataManager
from definitions.receivers.hubspot import HubSpot
from definitions.receivers.meta_audience import MetaAudience
from definitions.receivers.salesforce import Salesforce
from schemas.activations import Activation
from schemas.records import Identifier
from sinks.destinations.google_data_manager import GoogleAudiences, identifiers_of
from sinks.destinations.hubspot import HubSpotContacts, contact_of
from sinks.destinations.meta_audience import MetaAudiences, rows_of
from sinks.destinations.opening import open_destination
from sinks.destinations.salesforce import SalesforceRecords, record_of
from sinks.destinations.secrets import MissingSecret
from tests.definitions.folders import write
from tests.sinks.destinations.deliveries import delivery
from tests.sinks.destinations.services.service import hashed

GUIDE = Path("docs/guide/receivers.md")
KINDS = {
    "meta_audience": "token: {env: T}\naudience: '1'",
    "google_data_manager": "account: '7'\naudience: '1'\nservice_account: {env: T}",
    "hubspot": "token: {env: T}",
    "salesforce": "url: https://shop.example\nclient_id: a\nclient_secret: {env: T}",
}
ANN = Activation(
    workspace="main",
    kind="segment",
    name="big-spenders",
    change="entered",
    activation_id="c1",
    profile_id="p1",
    profile_kind="person",
    happened_at=1,
    decided_at=1,
    cause="m1",
    version=1,
    identifiers=(
        Identifier("email", " Ann.Lee+shop@Gmail.com"),
        Identifier("email", "ann@shop.example"),
        Identifier("phone", "+49 (151) 2345 6789"),
    ),
)


def preset(folder: Path, kind: str) -> Destination:
    """A destination of a kind of which no mapping is written."""
    text = f"destination: here\ntype: {kind}\n{KINDS[kind]}\n"
    (destination,) = load(write(folder, {"destinations/here.yaml": text})).destinations
    return destination


def test_what_the_guide_says_is_read(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(destination: .*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    ours = [block for block in blocks if re.search(rf"^type: ({'|'.join(KINDS)})$", block, re.MULTILINE)]
    assert len(ours) == len(KINDS)
    defined = load(write(tmp_path, {f"destinations/d{at}.yaml": block for at, block in enumerate(ours)}))
    assert {type(each.receiver) for each in defined.destinations} == {
        GoogleDataManager,
        HubSpot,
        MetaAudience,
        Salesforce,
    }


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("kind", "opened"),
    [
        ("meta_audience", MetaAudiences),
        ("google_data_manager", GoogleAudiences),
        ("hubspot", HubSpotContacts),
        ("salesforce", SalesforceRecords),
    ],
)
async def test_each_kind_is_opened_once_its_secrets_are_there(
    tmp_path: Path, kind: str, opened: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = preset(tmp_path, kind)
    monkeypatch.delenv("T", raising=False)
    with pytest.raises(MissingSecret, match="environment variable T"):
        open_destination(definition)
    monkeypatch.setenv("T", '{"client_email": "a", "private_key": "b"}')
    if kind == "google_data_manager":
        with pytest.raises(MissingSecret, match="T is not the JSON key of a service account"):
            open_destination(definition)
        return
    destination = open_destination(definition)
    await destination.close()
    assert isinstance(destination.opened, opened)
    assert definition.holds == "states"


def test_meta_is_sent_hashes_of_plain_spellings(tmp_path: Path) -> None:
    fields = fields_of(preset(tmp_path, "meta_audience").mapping, ANN, "k")
    assert rows_of(fields, is_entry=True) == (
        (("EMAIL", hashed("ann.lee+shop@gmail.com")), ("EXTERN_ID", hashed("p1")), ("PHONE", hashed("4915123456789"))),
        (("EMAIL", hashed("ann@shop.example")), ("EXTERN_ID", hashed("p1")), ("PHONE", "")),
    )


def test_google_is_sent_hashes_of_its_spellings(tmp_path: Path) -> None:
    fields = fields_of(preset(tmp_path, "google_data_manager").mapping, ANN, "k")
    assert identifiers_of(fields) == (
        {"emailAddress": hashed("annlee@gmail.com")},
        {"emailAddress": hashed("ann@shop.example")},
        {"phoneNumber": hashed("+4915123456789")},
    )


@pytest.mark.parametrize("kind", ["meta_audience", "google_data_manager"])
def test_nothing_unhashed_leaves(tmp_path: Path, kind: str) -> None:
    fields = str(fields_of(preset(tmp_path, kind).mapping, ANN, "k")).lower()
    assert all(said not in fields for said in ("ann", "151", "shop", "p1"))


def test_contacts_have_the_segment_as_a_property(tmp_path: Path) -> None:
    definition = preset(tmp_path, "hubspot")
    assert isinstance(definition.receiver, HubSpot)
    contact = contact_of(delivery("p1", fields_of(definition.mapping, ANN, "k")), definition.receiver.property)
    assert (contact.id, contact.properties) == ("ann.lee+shop@gmail.com", {"onefold_big_spenders": "true"})


def test_records_have_the_segment_as_a_field(tmp_path: Path) -> None:
    definition = preset(tmp_path, "salesforce")
    assert isinstance(definition.receiver, Salesforce)
    assert record_of(fields_of(definition.mapping, ANN, "k"), definition.receiver).columns == {
        "Email": "ann.lee+shop@gmail.com",
        "In_big_spenders__c": "true",
        "Onefold_Id__c": "p1",
    }
