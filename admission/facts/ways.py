"""How somebody came to a page, and to which: campaign, click id and referrer, and the channel that follows."""

from typing import NamedTuple

from admission.facts.addresses import MAX_URL_LENGTH, Address, host_of, parameters, read_address, readable_path
from admission.facts.campaigns import NO_CAMPAIGN, Campaign, campaign_of, clicked, named_campaign
from admission.facts.channels import Way, grouping
from admission.facts.referrers import NO_REFERRER, Referrer, read_referrer
from admission.facts.values import FactObject, member, text_of
from settings import FactSettings


class _Link(NamedTuple):
    """What led to a page. `clicked`: source and medium by a click id."""

    campaign: Campaign = NO_CAMPAIGN
    clicked: tuple[str, str] = ("", "")


class WayReader:
    """Reads it of a context by the settings of one workspace."""

    def __init__(self, settings: FactSettings) -> None:
        self._off = frozenset(settings.off)
        self._own_domains = frozenset(host_of(name).domain for name in settings.own_domains)
        self._channel_of = grouping(settings.channels)

    def read(self, context: FactObject) -> dict[str, str]:
        """Return the facts by name.

        `context`: `page`, `campaign` and `referrer` as they were sent; `url` and `own_referrer` as the event of a page
        says them itself.
        """
        page = member(context, "page")
        url = text_of(context, "url") or text_of(page, "url")
        address = read_address(url[:MAX_URL_LENGTH]) if url else None
        referrer = self._referrer(context, page, address)
        link = self._link(context, address)
        facts = self._way(link, referrer, is_on_page=address is not None)
        if address is not None and "page" not in self._off:
            facts["page"] = readable_path(address.path)
        return facts

    def _way(self, link: _Link, referrer: Referrer, is_on_page: bool) -> dict[str, str]:
        """The first of campaign, click id and referrer that says a source or a medium counts."""
        campaign = link.campaign
        source, medium = campaign.source, campaign.medium
        if not source and not medium:
            source, medium = link.clicked if any(link.clicked) else (referrer.source, referrer.medium)
        elif not medium:
            medium = link.clicked[1]
        way = Way(source, medium, campaign.campaign, referrer.domain)
        is_known = "channel" not in self._off and (is_on_page or any(way))
        return {
            "source": source,
            "medium": medium,
            "campaign": campaign.campaign,
            "keyword": campaign.keyword or referrer.keyword,
            "content": campaign.content,
            "channel": self._channel_of(way) if is_known else "",
            "referrer": referrer.domain,
        }

    def _link(self, context: FactObject, page: Address | None) -> _Link:
        if "campaign" in self._off:
            return _Link()
        named = named_campaign(member(context, "campaign"))
        if page is None or not page.query:
            return _Link(named)
        values = parameters(page.query)
        return _Link(named if any(named) else campaign_of(values), clicked(values))

    def _referrer(self, context: FactObject, page: FactObject, address: Address | None) -> Referrer:
        """Return the page before, or none where it is of the page's own domain or of the workspace's."""
        if "referrer" in self._off:
            return NO_REFERRER
        url = (
            text_of(context, "own_referrer") or text_of(page, "referrer") or text_of(member(context, "referrer"), "url")
        )
        if not url:
            return NO_REFERRER
        referrer = read_referrer(url[:MAX_URL_LENGTH])
        is_own = referrer.domain in self._own_domains or (
            address is not None and referrer.domain == address.host.domain
        )
        return NO_REFERRER if is_own else referrer
