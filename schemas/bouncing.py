"""Mails that did not arrive: which codes say that none ever will, and the event that says so. Pure.

Codes: RFC 3463. The event is made of reports that come back (`collectors.bounces`) and of what a server refuses at once
(`sinks.delivery.bounced`); what it means for a person's consent is read by `definitions.streaming.consent`.
"""

EMAIL_BOUNCED = "Email Bounced"
_GONE = ("5.1.", "5.2.1")


def is_gone(status: str) -> bool:
    """Return whether a code says that the mailbox does not exist: no other mail arrives there either."""
    return status.startswith(_GONE)


def bounce_properties(
    status: str, delivery: str, reason: str, *, is_hard: bool, channel: str = "email"
) -> dict[str, object]:
    """Return the event's properties. `delivery`: the key, empty if it is unknown; `reason`: for people."""
    return {
        "bounce_type": "hard" if is_hard else "soft",
        "channel": channel,
        "status": status,
        "delivery": delivery,
        "reason": reason,
    }
