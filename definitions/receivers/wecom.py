"""Options of WeCom (WeChat Work): messages of a robot of a group."""

from typing import Literal

import msgspec

from definitions.receivers.values import Secret

PRESET = {"text": "{{ name }}: {{ change }} ({{ profile.id }}{{ across }})"}
"""`text` is what people read; with `body`, an object of WeCom's own form (`msgtype`, ...), that is sent."""

CHANNEL = "chat"

KEYS = {
    "url": "Address of the robot with its key, which is a secret as a whole.",
    "format": "`text`: shown as it is; `markdown`.",
    "mentions": "Whether Markdown may call people (`<@userid>`); else it only looks so.",
    "allow_private": "Whether the address may lead into a private network.",
}


class WeCom(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="wecom", tag_field="type"):
    """`url`: of the robot. `mentions`: what a person has written into a trait may call others."""

    url: Secret
    format: Literal["text", "markdown"] = "text"
    mentions: bool = False
    allow_private: bool = False
