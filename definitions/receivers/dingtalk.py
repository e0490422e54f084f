"""Options of DingTalk: messages of a custom robot of a group."""

from typing import Literal

import msgspec

from definitions.receivers.values import Secret

PRESET = {"title": "{{ name }}", "text": "{{ name }}: {{ change }} ({{ profile.id }}{{ across }})"}
"""`title` is shown in notifications of Markdown; with `body`, an object of DingTalk's own form, that is sent."""

CHANNEL = "chat"

KEYS = {
    "url": "Address of the robot with its access token, which is a secret as a whole.",
    "secret": "Secret of the robot's signature (begins with SEC), if that is switched on.",
    "format": "`text`: shown as it is; `markdown`.",
    "allow_private": "Whether the address may lead into a private network.",
}


class DingTalk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="dingtalk", tag_field="type"):
    """`url`: of the robot."""

    url: Secret
    secret: Secret | None = None
    format: Literal["text", "markdown"] = "text"
    allow_private: bool = False
