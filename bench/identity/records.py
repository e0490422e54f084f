"""Records of persons with labels: each becomes an identify call with its record id, e-mail and phone.

Only equal e-mails and phones tie records here, after the plainest tidying: names, dates of birth, addresses and
documents, which the label makers went by too, are left out.
"""

import csv
import re
from collections.abc import Sequence
from email.utils import parseaddr
from pathlib import Path
from typing import NamedTuple

from bench.identity.accuracy import Accuracy, accuracy
from bench.identity.stages import SOURCE, WORKSPACE, WhoIsWho
from identity.rules import IdentityRules, Namespace
from schemas.records import Event, Identifier

FOLDER = Path("../shared/data")
_COUNTRY_AND_NUMBER = 11
_UNLIMITED = 1_000_000


class LabelledRecord(NamedTuple):
    """`person` is the label; `columns` is the record as it is in the file."""

    record_id: str
    person: str
    email: str
    phone: str
    columns: dict[str, str]

    @property
    def event(self) -> Event:
        """The identify call."""
        named = (("external_id", self.record_id), ("email", self.email), ("phone", self.phone))
        identifiers = tuple(Identifier(namespace, value) for namespace, value in named if value)
        return Event(WORKSPACE, SOURCE, self.record_id, "identify", None, 0, None, 0, identifiers, ordinal=1)


class Compared(NamedTuple):
    """Pairs of records: said to be one person without being (`wrong`), and not said (`missed`)."""

    accuracy: Accuracy
    wrong: Sequence[tuple[LabelledRecord, LabelledRecord]]
    missed: Sequence[tuple[LabelledRecord, LabelledRecord]]


def exact_rules(blocked_emails: frozenset[str] = frozenset()) -> IdentityRules:
    """Return rules by which e-mail and phone tie without any limit, cap or veto: what exact matching alone can do."""
    return IdentityRules(
        namespaces=(Namespace("email", blocked=blocked_emails), Namespace("phone"), Namespace("external_id")),
        max_identifiers=_UNLIMITED,
        max_merges=_UNLIMITED,
        max_fan_in=_UNLIMITED,
    )


def senzing(folder: Path = FOLDER) -> list[LabelledRecord]:
    """Read customers, reference and watchlist."""
    with (folder / "senzing_truth_key.csv").open(encoding="utf-8", newline="") as file:
        person = {(row["DATA_SOURCE"], row["RECORD_ID"]): row["CLUSTER_ID"] for row in csv.DictReader(file)}
    return [
        LabelledRecord(
            f"{row['DATA_SOURCE']}-{row['RECORD_ID']}",
            person[row["DATA_SOURCE"], row["RECORD_ID"]],
            tidy_email(row["EMAIL_ADDRESS"]),
            tidy_phone(row["PHONE_NUMBER"]),
            row,
        )
        for source in ("customers", "reference", "watchlist")
        for row in _rows(folder / f"senzing_{source}.csv")
    ]


def fake_1000(folder: Path = FOLDER) -> list[LabelledRecord]:
    """Read records with typing errors and missing values."""
    return [
        LabelledRecord(row["unique_id"], row["cluster"], row["email"].strip().lower(), "", row)
        for row in _rows(folder / "fake_1000.csv")
    ]


def compare(records: Sequence[LabelledRecord], rules: IdentityRules) -> Compared:
    """Run RESOLVE and GRAPH over the records and hold what they say against the labels."""
    who = WhoIsWho(rules)
    who.run(record.event for record in records)
    said = [who.person_of(record.event) for record in records]
    wrong, missed = [], []
    for at, left in enumerate(records):
        for other, right in enumerate(records[at + 1 :], at + 1):
            is_said, is_true = said[at] == said[other], left.person == right.person
            if is_said and not is_true:
                wrong.append((left, right))
            elif is_true and not is_said:
                missed.append((left, right))
    return Compared(accuracy(zip(said, (one.person for one in records), strict=True)), wrong, missed)


def tidy_email(text: str) -> str:
    """Return the address alone, in lower case: `"Jay Jones" <JJones@fmail.com>` is jjones@fmail.com."""
    return parseaddr(text)[1].lower() if "@" in text else ""


def tidy_phone(text: str) -> str:
    """Return the digits alone, without North America's 1 in front of ten; one without its area code stays short."""
    digits = re.sub(r"\D", "", text)
    return digits[1:] if len(digits) == _COUNTRY_AND_NUMBER and digits.startswith("1") else digits


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
