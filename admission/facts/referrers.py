"""Where somebody came from, by the address of the page before: its domain, the site that it is, what was searched."""

from typing import NamedTuple

from admission.facts.addresses import parameters, read_address
from admission.facts.sites import Site, site_of
from admission.facts.values import fact

_CHINESE = "gb18030"  # how old Chinese pages write what is no UTF-8

_MEDIUMS = {"search": "organic", "social": "social", "email": "email"}


class Referrer(NamedTuple):
    """The page before. `domain`: registrable; `source` and `medium` as a campaign would say it; `keyword` if any."""

    domain: str = ""
    source: str = ""
    medium: str = ""
    keyword: str = ""


NO_REFERRER = Referrer()


def read_referrer(url: str) -> Referrer:
    """Return what an address of at most MAX_URL_LENGTH says; nothing if it is none of the web or of an app."""
    address = read_address(url)
    if address is None:
        return NO_REFERRER
    site, domain = site_of(address.host), fact(address.host.domain)
    if site is None or site.kind == "none":
        return Referrer(domain, domain if site is None else fact(address.host.name), "referral")
    return Referrer(domain, site.name, _MEDIUMS.get(site.kind, "referral"), _keyword(site, address.query))


def _keyword(site: Site, query: str) -> str:
    if not site.keywords or not query:
        return ""
    values = parameters(query, _CHINESE)
    return next((fact(values[name]) for name in site.keywords if name in values), "")
