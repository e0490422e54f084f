"""What a destination's file says of its receiver: a module for each kind, with its options, limits and preset mapping.

A kind is one struct, whose fields are the keys of the file: the YAML reader, the editors' schema and the reference are
made from it. Beside it stand `KEYS`, what each key means in a sentence; `PRESET`, the mapping where none is written,
in the form of the file; `CHANNEL`, by what it reaches people where none is written; of those that may hold states
`holds(options)`, whether it does, and `found_by(options)`, the fields by which it finds what it holds of somebody (of a
body that somebody's own receiver reads, `definitions.shared_keys` says it); and, where single values cannot say what is
wrong, `problems(options)`, which yields what is (`values.OptionProblem`). To add a kind: add its struct to `Receiver`,
its class to `sinks.destinations.opening`, and `make docs-reference`.

What a field may be: a text, a number, true or false, a `Literal`, a `Secret`, a `str | Secret`, another struct, a
tuple or a dict of those; with `| None` or a default where it may be left out. Limits are `msgspec.Meta`'s (`ge`, `le`,
`max_length`). A field that ends in `_ms` is a duration, whose key lacks that end: `wait_ms` is `wait: 30s`. How to send
is left to the module of the same name in `sinks.destinations`.
"""

from typing import TypeAlias

from definitions.receivers.apprise import Apprise
from definitions.receivers.dingtalk import DingTalk
from definitions.receivers.feishu import Feishu
from definitions.receivers.files import Files
from definitions.receivers.google_data_manager import GoogleDataManager
from definitions.receivers.hubspot import HubSpot
from definitions.receivers.kafka import Kafka
from definitions.receivers.mail import Mail
from definitions.receivers.meta_audience import MetaAudience
from definitions.receivers.salesforce import Salesforce
from definitions.receivers.slack import Slack
from definitions.receivers.sql import Sql
from definitions.receivers.webhook import Webhook
from definitions.receivers.wecom import WeCom

Receiver: TypeAlias = (
    Apprise
    | DingTalk
    | Feishu
    | Files
    | GoogleDataManager
    | HubSpot
    | Kafka
    | Mail
    | MetaAudience
    | Salesforce
    | Slack
    | Sql
    | Webhook
    | WeCom
)
"""The options of any kind."""
