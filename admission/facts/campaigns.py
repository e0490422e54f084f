"""Which campaign led to a page: what its link says in UTM parameters, or in the click id of an advertiser."""

from collections.abc import Mapping
from typing import NamedTuple

from admission.facts.values import FactObject, fact, text_of

# Field of a campaign -> its parameter in links: UTM, then Baidu Tongji's and Matomo's.
_PARAMETERS = {
    "source": ("utm_source", "hmsr", "mtm_source", "pk_source"),
    "medium": ("utm_medium", "hmpl", "mtm_medium", "pk_medium"),
    "campaign": ("utm_campaign", "hmcu", "mtm_campaign", "pk_campaign"),
    "keyword": ("utm_term", "hmkw", "mtm_kwd", "pk_kwd"),
    "content": ("utm_content", "hmci", "mtm_content", "pk_content"),
}

# Click id -> source and medium; the first that is found counts. `fbclid` and `igshid` stand in every link.
_CLICK_IDS = {
    "dclid": ("google", "display"),
    "gclid": ("google", "cpc"),
    "gbraid": ("google", "cpc"),
    "wbraid": ("google", "cpc"),
    "msclkid": ("bing", "cpc"),
    "bd_vid": ("baidu", "cpc"),
    "qhclickid": ("360", "cpc"),
    "sogouid": ("sogou", "cpc"),
    "yclid": ("yandex", "cpc"),
    "ttclid": ("tiktok", "paid social"),
    "gdt_vid": ("tencent", "paid social"),
    "qz_gdt": ("tencent", "paid social"),
    "twclid": ("x", "paid social"),
    "li_fat_id": ("linkedin", "paid social"),
    "sccid": ("snapchat", "paid social"),
    "rdt_cid": ("reddit", "paid social"),
    "epik": ("pinterest", "paid social"),
    "irclickid": ("impact", "affiliates"),
    "awc": ("awin", "affiliates"),
    "mc_eid": ("mailchimp", "email"),
    "_hsenc": ("hubspot", "email"),
    "srsltid": ("google", "organic"),
    "fbclid": ("facebook", "social"),
    "igshid": ("instagram", "social"),
    "igsh": ("instagram", "social"),
}


class Campaign(NamedTuple):
    """What a link says of the way to its page; empty texts for what it does not."""

    source: str = ""
    medium: str = ""
    campaign: str = ""
    keyword: str = ""
    content: str = ""


NO_CAMPAIGN = Campaign()


def named_campaign(campaign: FactObject) -> Campaign:
    """Return what a sender's `context.campaign` says (its `name` and `term` are ours `campaign` and `keyword`)."""
    if not campaign:
        return NO_CAMPAIGN
    names = ("source", "medium", "name", "term", "content")
    return Campaign(*(fact(text_of(campaign, name)) for name in names))


def campaign_of(parameters: Mapping[str, str]) -> Campaign:
    """Return what the parameters of a page's address say, click ids left out."""
    return Campaign(*(
        next((fact(parameters[name]) for name in names if name in parameters), "") for names in _PARAMETERS.values()
    ))  # fmt: skip


def clicked(parameters: Mapping[str, str]) -> tuple[str, str]:
    """Return source and medium that a click id implies; empty texts without one."""
    return next((implied for name, implied in _CLICK_IDS.items() if name in parameters), ("", ""))
