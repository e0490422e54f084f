"""Links to unsubscribe in mails: made where the API is reached from outside and the workspace is known."""

import uuid
from collections.abc import Callable
from typing import TypeAlias

from schemas.consent import ALL
from schemas.unsubscribing import UnsubscribeLink, unsubscribe_url

UnsubscribeUrl: TypeAlias = Callable[[str, str, str, str], str | None]
"""Makes the link by which a person unsubscribes: of workspace, profile id, channel and purpose.

Raises UnknownWorkspace.
"""
NamespaceOf: TypeAlias = Callable[[str], uuid.UUID | None]
"""Finds the secret of a workspace."""


class UnknownWorkspace(Exception):
    """A link cannot be signed: this process does not know the workspace, or does not know it yet."""


def no_namespace(_workspace: str) -> None:
    """Know no workspace."""


def no_link(_workspace: str, _profile_id: str, _channel: str, _purpose: str) -> None:
    """Make no link: nothing is there that would answer one."""


def links(base: str, namespace_of: NamespaceOf) -> UnsubscribeUrl:
    """Return what makes links below an address of the API. Without a purpose: to all of them.

    None are made if the address is empty, or where no workspaces are known at all.
    """
    if not base or namespace_of is no_namespace:
        return no_link

    def link(workspace: str, profile_id: str, channel: str, purpose: str) -> str | None:
        namespace = namespace_of(workspace)
        if namespace is None:
            raise UnknownWorkspace
        return unsubscribe_url(base, namespace, UnsubscribeLink(workspace, profile_id, purpose or ALL, channel))

    return link
