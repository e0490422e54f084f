"""The definitions of these tests: the oracle's segments, and a destination of each sort that all of them name."""

from pathlib import Path

from tests.deliveries.receivers import Receivers
from tests.deliveries.taken import SAID
from tests.oracle.installation import DEFINITIONS
from tests.oracle.segments import SEGMENTS

DESTINATIONS = ("hook", "export", "table", "mail", "ads")
DEVICES = "devices"
"""One that goes by an identifier: devices move from profile to profile."""
ASKING = ("table", "mail", "ads")
"""Those that send nothing to whoever has not consented."""

ENVIRONMENT = {"HOOK_SECRET": "whsec_dGhpcyBpcyBhIHNlY3JldCBvZiB0ZXN0cw==", "META_TOKEN": "token-1"}

CONSENT = """
purposes:
  - {purpose: marketing, default: opt_out}
  - {purpose: advertising, default: opt_in}
"""

FILES = f"""
destination: hook
type: webhook
url: http://127.0.0.1:$HTTP/hook
secrets: [{{env: HOOK_SECRET}}]
allow_private: true
timeout: 2s
concurrency: 16
mapping: {{said: "{SAID}"}}
---
destination: export
type: files
url: file://$FILES
concurrency: 1
mapping: {{said: "{SAID}"}}
---
destination: table
type: sql
url: sqlite:///$DATABASE
table: members
mode: mirror
purpose: marketing
timeout: 2s
mapping: {{profile_id: "@profile.id", name: "@name", version: "@version", said: "{SAID}"}}
---
destination: devices
type: sql
url: sqlite:///$DATABASE
table: devices
mode: mirror
key: [device, name]
timeout: 2s
mapping: {{device: "@identifiers.anonymous_id", name: "@name", version: "@version"}}
---
destination: mail
type: mail
host: 127.0.0.1
port: $SMTP
security: none
sender: Shop <news@shop.example>
purpose: marketing
channel: email
timeout: 3s
mapping:
  to: "{{{{ profile.id }}}}@people.example"
  subject: "{{{{ name }}}}"
  text: "{SAID}"
---
destination: ads
type: meta_audience
url: http://127.0.0.1:$HTTP/v25.0
allow_private: true
token: {{env: META_TOKEN}}
audiences: {{$AUDIENCES}}
batch: 200
purpose: advertising
channel: ads
timeout: 3s
mapping:
  EMAIL: {{value: "@profile.id", hash: sha256}}
  EXTERN_ID: "{SAID}"
"""


def write_definitions(folder: Path, receivers: Receivers) -> None:
    """Write a folder of definitions."""
    for file in DEFINITIONS.rglob("*.yaml"):
        documents = file.read_text(encoding="utf-8").split("\n---\n")
        if file.parent.name == "segments":
            names = ", ".join((*DESTINATIONS, DEVICES))
            documents = [f"{document.rstrip()}\ndestinations: [{names}]\n" for document in documents]
        target = folder / file.relative_to(DEFINITIONS)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n---\n".join(documents), encoding="utf-8")
    (folder / "consent.yaml").write_text(CONSENT, encoding="utf-8")
    (folder / "destinations").mkdir(exist_ok=True)
    (folder / "destinations" / "all.yaml").write_text(_filled(receivers), encoding="utf-8")


def _filled(receivers: Receivers) -> str:
    audiences = ", ".join(f'{segment}: "{number}"' for number, segment in enumerate(SEGMENTS, start=101))
    values = {
        "$HTTP": receivers.http_port,
        "$SMTP": receivers.smtp_port,
        "$FILES": receivers.files,
        "$DATABASE": receivers.database,
        "$AUDIENCES": audiences,
    }
    text = FILES
    for name, value in values.items():
        text = text.replace(name, str(value))
    return text
