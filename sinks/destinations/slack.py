"""Slack: messages of an incoming webhook.

Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
https://docs.slack.dev/apis/web-api/rate-limits (a message a second) and
https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks, as of November 2026;
`no_active_hooks` is known from users of the service alone. Slack knows no key of a request: a message whose answer
was lost appears twice.
"""

from collections.abc import Mapping

from definitions.receivers.slack import Slack
from sinks.destinations.contract import Outcome, Refused, Unauthorised
from sinks.destinations.http.outcomes import outcome_of
from sinks.destinations.http.session import Answer
from sinks.destinations.robots.robot import Robot
from sinks.destinations.robots.texts import Unsayable, said_of, without_calls

MAX_BODY_BYTES = 100_000
MAX_TEXT_CHARS = 40_000

GONE = (
    "no_active_hooks",
    "no_service",
    "no_service_id",
    "no_team",
    "team_disabled",
    "invalid_token",
    "token_revoked",
    "channel_not_found",
    "channel_is_archived",
)
"""Answers of 403, 404 and 410 about the webhook itself: no other message would arrive either."""


def slack_robot(options: Slack, timeout_s: float) -> Robot:
    """Return a robot of Slack. Raises MissingSecret, BadOption."""
    return Robot(
        options.url,
        lambda url, fields: (url, body_of(options, fields)),
        outcome,
        timeout_s,
        largest=MAX_BODY_BYTES,
        allow_private=options.allow_private,
    )


def body_of(options: Slack, fields: Mapping[str, object]) -> Mapping[str, object]:
    """Return what is sent. Raises Unsayable."""
    said = said_of(fields)
    if said.body is not None:
        return said.body
    is_markdown = options.format == "markdown"
    text = _written(said.text, options)
    if said.title:
        title = _written(said.title, options)
        text = f"*{title}*\n{text}" if is_markdown else f"{title}\n{text}"
    if len(text) > MAX_TEXT_CHARS:
        raise Unsayable(f"the text has {len(text)} characters, {MAX_TEXT_CHARS} are allowed")
    return {"text": text, "mrkdwn": is_markdown}


def outcome(answer: Answer) -> Outcome:
    """Return what an answer means: Slack says it by the status, and whose fault it is by a word."""
    by_status = outcome_of(answer.status, answer.headers, answer.exchange)
    word = answer.body[:100].decode(errors="replace").strip()
    if isinstance(by_status, Refused) and word in GONE:
        return Unauthorised(f"{by_status.detail}: {word}", answer.exchange)
    return by_status


def _written(text: str, options: Slack) -> str:
    if options.format == "text":
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text if options.mentions else without_calls(text, ("<!", "<@"))
