"""Opens destinations: the class of each kind of receiver, by the type of its options. A kind adds a line."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from definitions.destinations import Destination
from definitions.mapping import Selected
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
from sinks.destinations.apprise import AppriseDestination
from sinks.destinations.concealing import Concealing
from sinks.destinations.contract import OpenDestination
from sinks.destinations.dingtalk import dingtalk_robot
from sinks.destinations.feishu import feishu_robot
from sinks.destinations.google_data_manager import GoogleAudiences
from sinks.destinations.hubspot import HubSpotContacts
from sinks.destinations.kafka.destination import KafkaDestination
from sinks.destinations.mail.destination import MailDestination
from sinks.destinations.mail.links import NamespaceOf, links, no_namespace
from sinks.destinations.meta_audience import MetaAudiences
from sinks.destinations.salesforce import SalesforceRecords
from sinks.destinations.secrets import BadOption
from sinks.destinations.slack import slack_robot
from sinks.destinations.webhook import WebhookDestination
from sinks.destinations.wecom import wecom_robot

Options = TypeVar("Options")
_PROFILE_ID = Selected(("profile", "id"))

Open = Callable[[Destination], OpenDestination]
"""Makes a destination of its definition, whose `receiver` is of the kind's options; connects to nothing yet.

Raises `secrets.MissingSecret`.
"""


def _within(kind: type[Options], make: Callable[[Options, float], OpenDestination]) -> Open:
    """Return how a kind is opened that needs its options and the seconds of a request."""

    def opened(definition: Destination) -> OpenDestination:
        assert isinstance(definition.receiver, kind)
        return make(definition.receiver, definition.pace.timeout_ms / 1_000)

    return opened


def _with_fields(kind: type[Options], make: Callable[[Options, Sequence[str], float], OpenDestination]) -> Open:
    """Return how a kind is opened that has a column for each of the mapping's fields."""

    def opened(definition: Destination) -> OpenDestination:
        assert isinstance(definition.receiver, kind)
        fields = [name for name, _ in definition.mapping.entries]
        return make(definition.receiver, fields, definition.pace.timeout_ms / 1_000)

    return opened


# What these two need is read when the first of them is opened: it takes a third of the start of a deliverer.
def _files(options: Files, fields: Sequence[str], timeout_s: float) -> OpenDestination:
    from sinks.destinations.files.destination import FilesDestination

    return FilesDestination(options, fields, timeout_s)


def _sql(definition: Destination) -> OpenDestination:
    from sinks.destinations.sql.destination import SqlDestination

    options, columns = definition.receiver, dict(definition.mapping.entries)
    assert isinstance(options, Sql)
    is_of_profile = any(columns.get(name) == _PROFILE_ID for name in options.key)
    return SqlDestination(options, list(columns), definition.pace.timeout_ms / 1_000, is_of_profile=is_of_profile)


OPENED: Mapping[type[object], Open] = {
    Files: _with_fields(Files, _files),
    GoogleDataManager: _within(GoogleDataManager, GoogleAudiences),
    HubSpot: _within(HubSpot, HubSpotContacts),
    Kafka: _within(Kafka, KafkaDestination),
    MetaAudience: _within(MetaAudience, MetaAudiences),
    Salesforce: _within(Salesforce, SalesforceRecords),
    Apprise: _within(Apprise, AppriseDestination),
    DingTalk: _within(DingTalk, dingtalk_robot),
    Feishu: _within(Feishu, feishu_robot),
    Slack: _within(Slack, slack_robot),
    WeCom: _within(WeCom, wecom_robot),
    Sql: _sql,
    Webhook: _within(Webhook, WebhookDestination),
}
"""By the type of the options."""


class NoReceiver(Exception):
    """A destination has no receiver that deliveries could be sent to; the text says why."""


def open_destination(definition: Destination, namespace_of: NamespaceOf = no_namespace) -> Concealing:
    """Open a destination. Raises NoReceiver, and BadOption; MissingSecret if a secret is not where it should be.

    `namespace_of`: the secrets of workspaces, which sign links to unsubscribe.
    """
    try:
        return Concealing(_opened(definition, namespace_of), definition.receiver)
    except (BadOption, NoReceiver):
        raise
    except Exception as error:  # noqa: BLE001 - the kinds' boundary: what a library dislikes is an option that is bad
        raise BadOption(f"opening it failed: {type(error).__name__}") from None  # its text may hold a secret


def _opened(definition: Destination, namespace_of: NamespaceOf) -> OpenDestination:
    receiver = definition.receiver
    if isinstance(receiver, Mail):
        return MailDestination(
            receiver,
            definition.pace.timeout_ms / 1_000,
            channel=definition.reached_by,
            purpose=definition.checks.purpose,
            unsubscribe_url=links(receiver.unsubscribe_base, namespace_of),
        )
    opened = OPENED.get(type(definition.receiver))
    if opened is None:
        raise NoReceiver(f"destinations of type {definition.type} are read from the topic activation.{definition.name}")
    return opened(definition)
