"""Options of Slack: messages of an incoming webhook, which leads to one channel."""

from typing import Literal

import msgspec

from definitions.receivers.values import Secret

PRESET = {"text": "{{ name }}: {{ change }} ({{ profile.id }}{{ across }})"}
"""`text` is what people read; with `body`, an object of Slack's own form (`blocks`, `attachments`), that is sent."""

CHANNEL = "chat"

KEYS = {
    "url": "Address of the incoming webhook, which is a secret as a whole.",
    "format": "`text`: shown as it is; `markdown`: as Slack's mrkdwn.",
    "mentions": "Whether a text may call people (`<!channel>`, `<@U…>`); else it only looks so.",
    "allow_private": "Whether the address may lead into a private network.",
}


class Slack(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="slack", tag_field="type"):
    """`url`: of the incoming webhook. `mentions`: what a person has written into a trait may call everybody."""

    url: Secret
    format: Literal["text", "markdown"] = "text"
    mentions: bool = False
    allow_private: bool = False
