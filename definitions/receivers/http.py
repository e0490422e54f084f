"""Options that receivers of HTTP have in common."""

import msgspec

Code = str | int | bool


class InnerStatus(msgspec.Struct, frozen=True):
    """How a receiver says within an answer of status 200 that something went wrong.

    `path`: where the code stands, keys with dots between. `ok`: the codes of success; without any, success is that
    nothing stands there. `throttled` and `unauthorised`: codes of these; every other one refuses the delivery.
    `message`: where the text stands.
    """

    path: str
    ok: tuple[Code, ...] = ()
    throttled: tuple[Code, ...] = ()
    unauthorised: tuple[Code, ...] = ()
    message: str = ""


class ItemResults(msgspec.Struct, frozen=True):
    """How a receiver says what became of each delivery of a batch: a list in the order of the batch.

    `path`: where the list stands; empty for the answer itself. `status`: what each element is read by.
    """

    status: InnerStatus
    path: str = ""
