"""Options of Google's Data Manager: people of a segment are in an audience of Google Ads or Display & Video 360."""

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

import msgspec

from definitions.receivers.audiences import without_audience, wrong_addresses
from definitions.receivers.values import Holds, OptionProblem, Secret

AccountType: TypeAlias = Literal["google_ads", "display_video_partner", "display_video_advertiser", "data_partner"]
ConsentStatus: TypeAlias = Literal["granted", "denied", "unspecified"]


class OAuthClient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A client of OAuth 2.0.

    `id`, `secret`: of the client. `refresh_token`: what somebody with access to the account has granted to it.
    """

    id: str
    secret: Secret
    refresh_token: Secret


class AdConsent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What Google is told of the consent of everybody who is added: grant it only with a purpose that asks for it.

    `user_data`: that data about them is used for advertising. `personalization`: that it is personal.
    """

    user_data: ConsentStatus = "unspecified"
    personalization: ConsentStatus = "unspecified"


class GoogleDataManager(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="google_data_manager", tag_field="type"
):
    """`account`: the id of the account with the audience; `login_account`: of the account that may write to it.

    `audience`: the id of the audience; `audiences`: one for each segment that has another. Credentials: either
    `service_account`, the JSON key of one, or `client`. `terms_accepted`: the account has accepted the terms of
    Customer Match. `validate_only`: Google checks and does nothing. `allow_private`: the addresses may lead into a
    private network.
    """

    account: str
    account_type: AccountType = "google_ads"
    login_account: str = ""
    login_account_type: AccountType = "google_ads"
    audience: str = ""
    audiences: dict[str, str] = {}
    service_account: Secret = Secret()
    client: OAuthClient | None = None
    consent: AdConsent = AdConsent()
    terms_accepted: bool = False
    validate_only: bool = False
    batch: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 10_000
    url: str = "https://datamanager.googleapis.com/v1"
    token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    allow_private: bool = False


PRESET = {
    "emailAddress": {"value": "@identifiers.email[*]", "hash": "sha256", "normalise": "gmail"},
    "phoneNumber": {"value": "@identifiers.phone[*]", "hash": "sha256", "normalise": "e164"},
}
"""Each address and number of a person, as hashes; the first ten are sent."""

CHANNEL = "ads"

KEYS = {
    "account": "Id of the account that owns the audience.",
    "account_type": "What the account is of.",
    "login_account": "Id of the account whose access is used, such as a manager account.",
    "login_account_type": "What that account is of.",
    "audience": "Id of the audience.",
    "audiences": "Ids of audiences by segment, for segments that have one of their own.",
    "service_account": "JSON key of a service account that may write to the account.",
    "client": "OAuth client with a refresh token, instead of a service account.",
    "consent": "Consent (`user_data`, `personalization`) that Google is told of everybody who is added.",
    "terms_accepted": "Whether the account has accepted the terms of Customer Match.",
    "validate_only": "Whether Google checks what it is sent and changes nothing.",
    "batch": "People of one request; Google takes 10,000.",
    "url": "Address of the Data Manager API, with its version.",
    "token_url": "Address that grants access tokens.",
    "allow_private": "Whether the addresses may lead into a private network.",
}


def holds(_options: GoogleDataManager) -> Holds:
    """Return what it holds: an audience holds people."""
    return "states"


def found_by(_options: GoogleDataManager) -> tuple[str, ...]:
    """Return the field of the mapping any of which names somebody."""
    return ("emailAddress", "phoneNumber")


def problems(options: GoogleDataManager) -> Iterator[OptionProblem]:
    """Yield what is missing or contradicts."""
    yield from without_audience(options.audience, options.audiences)
    yield from wrong_addresses(
        {"url": options.url, "token_url": options.token_url}, allow_private=options.allow_private
    )
    if (options.service_account != Secret()) == (options.client is not None):
        yield OptionProblem(
            "service_account",
            "exactly one way to be granted access is needed",
            "write either `service_account` or `client`",
        )
