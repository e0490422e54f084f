"""Devices, systems, browsers and robots by real user agents of every age, and by what SDKs say themselves."""

from collections.abc import Iterator

import pytest

from admission.facts.agents import MAX_USER_AGENT_LENGTH
from tests.admission.facts.given import CHROME, event, facts_of, shown

VISITORS = """
desktop Windows Chrome | CHROME
desktop Windows Edge | CHROME Edg/126.0.0.0
desktop Windows IE | Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)
desktop Windows IE | Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; Tablet PC 2.0)
desktop Windows IE | Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko
desktop Windows Firefox | Mozilla/5.0 (Windows; U; Windows NT 5.1; de; rv:1.8.1) Gecko/20061010 Firefox/2.0
desktop macOS Safari | Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) WEBKIT Version/17.4 Safari/605.1.15
desktop Ubuntu Firefox | Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0
desktop ChromeOS Chrome | Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) WEBKIT Chrome/120.0.0.0 Safari/537.36
mobile iOS Safari | IPHONE Version/17.5 Mobile/15E148 Safari/604.1
mobile iOS Chrome | IPHONE CriOS/126.0.6478.35 Mobile/15E148 Safari/604.1
mobile iOS Facebook | IPHONE Mobile/15E148 [FBAN/FBIOS;FBAV/400.0;FBDV/iPhone14,2;FBSN/iOS]
tablet iOS Safari | Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) WEBKIT Version/12.1 Mobile/15E148 Safari/604.1
tablet Android Chrome | Mozilla/5.0 (Linux; Android 12; SM-T870) WEBKIT Chrome/120.0.0.0 Safari/537.36
mobile Android Samsung_Internet | ANDROID SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36
mobile Symbian_OS Opera_Mini | Opera/9.80 (J2ME/MIDP; Opera Mini/9.80 (S60; SymbOS; Opera Mobi/23; U) Presto/2.5.25
tv Tizen Samsung_Internet | Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) WEBKIT SamsungBrowser/4.0 Chrome/76.0 TV Safari/537
tv webOS Chrome | Mozilla/5.0 (Web0S; Linux/SmartTV) WEBKIT Chrome/79.0.3945.79 Safari/537.36
mobile iOS WeChat | IPHONE Mobile/15E148 MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/zh_CN
mobile Android WeChat | ANDROID Chrome/116.0 Mobile Safari/537.36 XWEB/1 MicroMessenger/8.0.47.2560 WeChat/arm64 Weixin
desktop Windows WeChat | CHROME NetType/WIFI MicroMessenger/7.0.20.1781(0x6700143B) WindowsWechat(0x6309092b)
mobile iOS WeCom | IPHONE Mobile/15E148 wxwork/4.1.20 MicroMessenger/7.0.1 Language/zh
mobile iOS Alipay | IPHONE Mobile/15E148 AliApp(AP/10.5.60) AlipayClient/10.5.60 Language/zh-Hans
mobile iOS Baidu | IPHONE Mobile/15E148 SP-engine/2.61.0 main/1.0 baiduboxapp/13.20.0.10 (Baidu; P2 16.0)
mobile Android Douyin | ANDROID Chrome/116.0 Mobile Safari/537.36 aweme_280300 JsSdk/1.0 NetType/WIFI
mobile Android MiuiBrowser | ANDROID Version/4.0 Chrome/71.0 Mobile Safari/537.36 XiaoMi/MiuiBrowser/11.8.12
mobile HarmonyOS Huawei_Browser | Mozilla/5.0 (Phone; OpenHarmony 5.0) WEBKIT ArkWeb/4.1 Mobile HuaweiBrowser/5.1.5
desktop Windows 360_Browser | CHROME QIHU 360SE
desktop Windows QQ_Browser | CHROME QQBrowser/10.5.3863.400
desktop Windows Sogou_Browser | CHROME SE 2.X MetaSr 1.0
mobile Android - | Dalvik/2.1.0 (Linux; U; Android 11; M2012K11AC Build/RKQ1.200826.002)
mobile iOS MyShop | MyShop/1.0 CFNetwork/1404.0.5 Darwin/22.3.0
"""
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
SHORT = {
    "CHROME": CHROME,
    "IPHONE": f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {WEBKIT}",
    "ANDROID": f"Mozilla/5.0 (Linux; U; Android 13; zh-cn; V2148A; wv) {WEBKIT}",
    "WEBKIT": WEBKIT,
}


def visitors() -> Iterator[tuple[str, list[str | None]]]:
    for line in VISITORS.strip().splitlines():
        facts, _, user_agent = line.partition(" | ")
        for word, text in SHORT.items():
            user_agent = user_agent.replace(word, text)
        yield user_agent, [None if fact == "-" else fact.replace("_", " ") for fact in facts.split()]


@pytest.mark.parametrize(("user_agent", "facts"), list(visitors()))
def test_a_visitor_is_known_by_the_user_agent(user_agent: str, facts: list[str | None]) -> None:
    assert shown("device system browser is_bot", userAgent=user_agent) == [*facts, False]


@pytest.mark.parametrize(
    "user_agent",
    [
        "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
        "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/126.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        "Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)",
        CHROME.replace("Chrome/", "HeadlessChrome/"),
        "python-requests/2.32.3",
        "curl/8.5.0",
        "Yandex/1.01.001",
    ],
)
def test_a_robot_is_no_device(user_agent: str) -> None:
    assert shown("device is_bot", userAgent=user_agent) == ["bot", True]


def hints(platform: str, *brands: str, mobile: bool = False) -> dict[str, object]:
    return {"brands": [{"brand": brand, "version": "126"} for brand in brands], "mobile": mobile, "platform": platform}


def screen(width: int, height: int, density: float) -> dict[str, float]:
    return {"width": width, "height": height, "density": density}


SAYING = [
    ({"os": {"name": "iOS", "version": "17.5"}, "device": {"type": "ios", "model": "iPhone14,2"}}, "mobile iOS -"),
    ({"os": {"name": "iPadOS"}, "device": {"type": "ios", "model": "iPad13,4"}}, "tablet iOS -"),
    ({"os": {"name": "iPhone OS"}, "device": {"type": "ios"}}, "mobile iOS -"),
    ({"device": {"type": "android", "model": "SM-S918B"}}, "mobile Android -"),
    ({"device": {"type": "android"}, "screen": screen(1600, 2560, 2.0)}, "tablet Android -"),
    ({"device": {"type": "android"}, "screen": screen(1080, 2400, 2.6)}, "mobile Android -"),
    ({"userAgentData": hints("Windows", "Not/A)Brand", "Chromium", "Microsoft Edge")}, "desktop Windows Edge"),
    ({"userAgentData": hints("Android", "Chromium", "Google Chrome", mobile=True)}, "mobile Android Chrome"),
    ({"userAgentData": hints("macOS", "Chromium", "Brave"), "userAgent": CHROME}, "desktop macOS Brave"),
    ({"os": {"name": "Android"}, "userAgent": "Dalvik/2.1.0 (Linux; U; Android 11)"}, "mobile Android -"),
]


@pytest.mark.parametrize(("context", "facts"), SAYING)
def test_what_a_sender_says_itself_comes_before_the_user_agent(context: dict[str, object], facts: str) -> None:
    expected = [None if fact == "-" else fact for fact in facts.split()]
    assert shown("device system browser", **context) == expected


def test_servers_show_no_device() -> None:
    assert facts_of(event(library={"name": "analytics-python", "version": "2.4.0"})) == {}


def test_a_user_agent_is_read_as_far_as_any_real_one_goes() -> None:
    long = CHROME + " " * (MAX_USER_AGENT_LENGTH - len(CHROME)) + "Googlebot/2.1"
    assert shown("browser is_bot", userAgent=long) == ["Chrome", False]
