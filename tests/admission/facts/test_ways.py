"""How somebody came to a page, by real links and referrers."""

import pytest

from admission.facts.channels import Way, grouping
from admission.facts.ways import WayReader
from settings import ChannelRule, FactSettings
from tests.admission.facts.given import event, facts_of, shown

SHOP = "https://www.shop.example/p/7"
WAY = "source medium channel referrer"

REFERRERS = [
    ("https://www.google.com/", ["google", "organic", "organic search", "google.com"]),
    ("https://www.google.com.hk/", ["google", "organic", "organic search", "google.com.hk"]),
    ("https://cn.bing.com/search?q=shoes", ["bing", "organic", "organic search", "bing.com"]),
    ("https://m.baidu.com/from=844b/s?word=x", ["baidu", "organic", "organic search", "baidu.com"]),
    ("https://m.sm.cn/s?q=x", ["shenma", "organic", "organic search", "sm.cn"]),
    ("https://www.so.com/link?m=x", ["360", "organic", "organic search", "so.com"]),
    ("https://yandex.ru/", ["yandex", "organic", "organic search", "yandex.ru"]),
    ("https://search.naver.com/search.naver?query=x", ["naver", "organic", "organic search", "naver.com"]),
    ("https://l.facebook.com/l.php?u=x", ["facebook", "social", "organic social", "facebook.com"]),
    ("https://t.co/AbC", ["x", "social", "organic social", "t.co"]),
    ("https://weibo.com/1", ["weibo", "social", "organic social", "weibo.com"]),
    ("https://www.zhihu.com/question/1", ["zhihu", "social", "organic social", "zhihu.com"]),
    ("https://servicewechat.com/wx1/1/page-frame.html", ["wechat", "social", "organic social", "servicewechat.com"]),
    ("https://tieba.baidu.com/p/1", ["tieba", "social", "organic social", "baidu.com"]),
    ("https://www.youtube.com/", ["youtube", "referral", "organic video", "youtube.com"]),
    ("https://s.taobao.com/", ["taobao", "referral", "organic shopping", "taobao.com"]),
    ("https://chatgpt.com/", ["chatgpt", "referral", "ai assistant", "chatgpt.com"]),
    ("https://gemini.google.com/", ["gemini", "referral", "ai assistant", "google.com"]),
    ("https://mail.qq.com/cgi-bin/x", ["qq-mail", "email", "email", "qq.com"]),
    ("https://mail.google.com/mail/u/0/", ["gmail", "email", "email", "google.com"]),
    ("android-app://com.google.android.gm/", ["gmail", "email", "email", "com.google.android.gm"]),
    ("https://docs.google.com/document/d/1", ["docs.google.com", "referral", "referral", "google.com"]),
    ("https://blog.friend.co.uk/x", ["friend.co.uk", "referral", "referral", "friend.co.uk"]),
    ("https://blog.xn--mnchen-3ya.de/", ["münchen.de", "referral", "referral", "münchen.de"]),
    ("http://商城.公司.cn/", ["商城.公司.cn", "referral", "referral", "商城.公司.cn"]),
    ("http://192.168.1.7:8080/x", ["192.168.1.7", "referral", "referral", "192.168.1.7"]),
]  # fmt: skip


@pytest.mark.parametrize(("referrer", "expected"), REFERRERS)
def test_the_page_before_says_where_somebody_came_from(referrer: str, expected: list[str]) -> None:
    assert shown(WAY, page={"url": SHOP, "referrer": referrer}) == expected


@pytest.mark.parametrize(
    "referrer", ["", "$direct", "https://shop.example/", "https://m.shop.example/x", "about:blank", "file:///x",
                 "data:text/html,x", "//shop.example", "https://", "https://[::1", "https://xn--a.example" * 500],
)  # fmt: skip
def test_without_a_page_of_others_before_it_a_page_was_visited_directly(referrer: str) -> None:
    page = {"url": SHOP, "referrer": referrer} if len(referrer) < 500 else {"url": SHOP, "referrer": [referrer]}
    assert shown(WAY, page=page) == [None, None, "direct", None]


def test_own_domains_are_no_referrers() -> None:
    sent = event(page={"url": SHOP, "referrer": "https://cashier.alipay.com/pay?id=1"})
    assert facts_of(sent)["channel"] == "referral"
    assert facts_of(sent, own_domains=("alipay.com",)) == {"channel": "direct", "page": "/p/7"}


KEYWORDS = [
    ("https://www.baidu.com/s?wd=%E6%89%8B%E6%9C%BA&ie=utf-8", "手机"),
    ("http://www.baidu.com/s?wd=%CA%D6%BB%FA&ie=gb2312", "手机"),
    ("http://www.sogou.com/sogou?query=%CA%D6%BB%FA", "手机"),
    ("https://www.bing.com/search?q=running+shoes&form=QBLH", "running shoes"),
    ("https://www.google.com/", None),
    ("https://www.google.com/url?q=", None),
    ("https://www.friend.org/?q=x", None),
]


@pytest.mark.parametrize(("referrer", "keyword"), KEYWORDS)
def test_what_was_searched_for_is_read_in_the_spelling_of_its_time(referrer: str, keyword: str | None) -> None:
    assert shown("keyword", page={"url": SHOP, "referrer": referrer}) == [keyword]


LINKS = [
    ("utm_source=google&utm_medium=cpc&utm_campaign=brand&utm_term=running+shoes&utm_content=a",
     ["google", "cpc", "brand", "running shoes", "a", "paid search"]),
    ("utm_source=baidu&utm_medium=cpc&utm_campaign=%E5%8F%8C11&utm_term=%E6%89%8B%E6%9C%BA",
     ["baidu", "cpc", "双11", "手机", None, "paid search"]),
    ("hmsr=%E7%9F%A5%E4%B9%8E&hmpl=social&hmcu=a&hmkw=b&hmci=c", ["知乎", "social", "a", "b", "c", "organic social"]),
    ("utm_source=june&utm_medium=email", ["june", "email", None, None, None, "email"]),
    ("utm_source=weibo&utm_medium=paid_social", ["weibo", "paid_social", None, None, None, "paid social"]),
    ("utm_source=bilibili&utm_medium=cpm", ["bilibili", "cpm", None, None, None, "paid video"]),
    ("utm_source=site&utm_medium=banner", ["site", "banner", None, None, None, "display"]),
    ("utm_source=awin&utm_medium=affiliate", ["awin", "affiliate", None, None, None, "affiliates"]),
    ("utm_source=app&utm_medium=push", ["app", "push", None, None, None, "push"]),
    ("utm_source=bulk&utm_medium=sms", ["bulk", "sms", None, None, None, "sms"]),
    ("utm_source=x&utm_medium=qr-code", ["x", "qr-code", None, None, None, "organic social"]),
    ("utm_source=flyer&utm_medium=qr-code", ["flyer", "qr-code", None, None, None, "other"]),
    ("UTM_SOURCE=google&Utm_Medium=CPC", ["google", "CPC", None, None, None, "paid search"]),
    ("utm_source=google.com&utm_medium=", ["google.com", None, None, None, None, "organic search"]),
    ("gclid=Cj0KCQ", ["google", "cpc", None, None, None, "paid search"]),
    ("gad_source=1&gbraid=0AAA", ["google", "cpc", None, None, None, "paid search"]),
    ("dclid=x", ["google", "display", None, None, None, "display"]),
    ("msclkid=x", ["bing", "cpc", None, None, None, "paid search"]),
    ("bd_vid=12345", ["baidu", "cpc", None, None, None, "paid search"]),
    ("qhclickid=x", ["360", "cpc", None, None, None, "paid search"]),
    ("ttclid=x", ["tiktok", "paid social", None, None, None, "paid video"]),
    ("fbclid=IwAR", ["facebook", "social", None, None, None, "organic social"]),
    ("utm_source=fb&utm_medium=paid&fbclid=IwAR", ["fb", "paid", None, None, None, "paid social"]),
    ("utm_source=google&gclid=x", ["google", "cpc", None, None, None, "paid search"]),
    ("utm_campaign=spring", [None, None, "spring", None, None, "other"]),
    ("utm_source=%00%0d%0a&utm_medium=%ff%fe", [None, "\ufffd\ufffd", None, None, None, "other"]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), LINKS)
def test_a_link_says_its_campaign(query: str, expected: list[str | None]) -> None:
    assert shown("source medium campaign keyword content channel", page={"url": f"{SHOP}?{query}"}) == expected


def test_a_campaign_outranks_a_click_id_and_that_the_page_before() -> None:
    google = {"url": f"{SHOP}?gclid=x", "referrer": "https://www.baidu.com/"}
    assert shown(WAY, page=google) == ["google", "cpc", "paid search", "baidu.com"]
    newsletter = {"url": f"{SHOP}?utm_source=june", "referrer": "https://mail.google.com/"}
    assert shown(WAY, page=newsletter) == ["june", None, "referral", "google.com"]


def test_what_an_sdk_says_of_a_campaign_outranks_the_address() -> None:
    said = {"name": "spring", "source": "crm", "medium": "email", "term": "t", "content": 7}
    names = "source medium campaign keyword content channel"
    expected = ["crm", "email", "spring", "t", "7", "email"]
    assert shown(names, page={"url": f"{SHOP}?utm_source=google"}, campaign=said) == expected
    assert shown(names, campaign=said) == expected


def test_a_page_says_its_own_address_and_the_page_before() -> None:
    properties = {"url": f"{SHOP}?gclid=x", "referrer": "https://www.google.com/"}
    sent = event("page", properties, page={"url": "https://www.shop.example/other"})
    assert facts_of(sent) == {
        "source": "google", "medium": "cpc", "channel": "paid search", "referrer": "google.com", "page": "/p/7",
    }  # fmt: skip
    assert facts_of(event("track", properties)) == {}


@pytest.mark.parametrize(
    ("url", "page"),
    [
        (SHOP, "/p/7"),
        (f"{SHOP}?a=1#x", "/p/7"),
        ("https://shop.example", "/"),
        ("https://shop.example/%E5%95%86%E5%93%81/1", "/商品/1"),
        ("https://shop.example/%CA%D6", "/%CA%D6"),
        ("https://shop.example/a%00b", "/a%00b"),
        ("https://例子.中国/商品", "/商品"),
        ("http://localhost:3000/cart", "/cart"),
        (f"https://shop.example/{'x' * 5_000}", "/" + "x" * 199),
        ("data:text/html,<p>", None),
        ("about:blank", None),
        ("/relative", None),
        ("https://[", None),
        ("", None),
    ],
)
def test_a_page_is_its_path(url: str, page: str | None) -> None:
    assert shown("page", page={"url": url}) == [page]


def test_own_rules_of_channels_come_first() -> None:
    rules = (
        ChannelRule("partners", source=("partner-*", "awin")),
        ChannelRule("brand search", medium=("cpc",), campaign=("*brand*",)),
    )
    reader = WayReader(FactSettings(channels=rules))
    ways = {
        "utm_source=Partner-7&utm_medium=cpc": "partners",
        "utm_source=google&utm_medium=CPC&utm_campaign=DE%20Brand%20exact": "brand search",
        "utm_source=google&utm_medium=cpc&utm_campaign=other": "paid search",
        "": "direct",
    }
    found = {query: reader.read({"page": {"url": f"{SHOP}?{query}"}})["channel"] for query in ways}
    assert found == ways


def test_a_way_of_which_nothing_is_known_is_direct() -> None:
    assert grouping(())(Way()) == "direct"
