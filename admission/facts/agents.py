"""With what somebody visits: kind of device, system, browser and whether it is a robot.

By the user agent (`ua-parser` with its Rust back end), and before it by what says so itself: client hints of browsers
and what mobile SDKs write of the device. Families only: versions make no groups of people.
"""

import re
from functools import cache, lru_cache
from typing import NamedTuple

from ua_parser import Parser
from ua_parser.loaders import load_lazy_builtins
from ua_parser.regex import Resolver

from admission.facts.crawlers import is_crawler
from admission.facts.values import FactObject, fact, member, text_of

MAX_USER_AGENT_LENGTH = 600  # the longest of apps within apps; parsing takes a time that grows with it
_CACHED_AGENTS = 4_096
_MAX_BRANDS = 10
_TABLET_DP = 600  # Android's `sw600dp`

# Devices by what their user agents say; the first that is found counts.
_TV = re.compile(
    r"smart-?tv|\btv\b|hbbtv|googletv|appletv|bravia|web0s|netcast|viera|\broku|\baft[a-z]{1,4}\b|crkey|mibox|mitv"
)
_CONSOLE = re.compile(r"playstation|xbox|nintendo")
_WATCH = re.compile(r"watchos|apple ?watch|wear ?os")
_TABLET = re.compile(r"ipad|tablet(?! pc)|playbook|kindle")
_MOBILE = re.compile(
    r"mobile|iphone|ipod|android|phone|blackberry|bb10|opera mini|opera mobi|symb(?:ian|os)|midp|j2me|ucweb"
)
_DESKTOP = re.compile(r"windows|macintosh|mac os x|x11|linux|\bcros\b|\bpc;")

# Browsers within apps and Chinese ones that the parser takes for the engine below them.
_APPS = (
    ("wxwork/", "WeCom"), ("MicroMessenger/", "WeChat"), ("AlipayClient/", "Alipay"), ("DingTalk/", "DingTalk"),
    ("Lark/", "Lark"), ("aweme", "Douyin"), ("NewsArticle/", "Toutiao"), ("Weibo (", "Weibo"), ("__weibo__", "Weibo"),
    ("xhsdiscover", "Xiaohongshu"), ("discover/", "Xiaohongshu"), ("baiduboxapp/", "Baidu"), ("BIDUBrowser", "Baidu"),
    ("AliApp(TB/", "Taobao"), ("jdapp;", "JD"), ("Quark/", "Quark"), ("UCBrowser/", "UC Browser"),
    ("360SE", "360 Browser"), ("360EE", "360 Browser"), ("QihooBrowser/", "360 Browser"), ("MetaSr", "Sogou Browser"),
    ("SogouMobileBrowser/", "Sogou Browser"), ("HuaweiBrowser/", "Huawei Browser"), ("VivoBrowser/", "Vivo Browser"),
    ("HeyTapBrowser/", "HeyTap Browser"), ("MQQBrowser/", "QQ Browser"), (" QQ/", "QQ"),
)  # fmt: skip

_SYSTEMS = {
    "mac os x": "macOS", "macos": "macOS", "os x": "macOS", "iphone os": "iOS", "ios": "iOS", "ipados": "iOS",
    "android": "Android", "windows": "Windows", "chrome os": "ChromeOS", "chromeos": "ChromeOS",
    "chromium os": "ChromeOS", "linux": "Linux", "tvos": "tvOS", "watchos": "watchOS", "web0s": "webOS",
    "harmonyos": "HarmonyOS",
}  # fmt: skip
_HARMONY = re.compile(r"\b(?:OpenHarmony|HarmonyOS)\b")
_DEVICES_OF_SYSTEMS = {
    "Windows": "desktop", "macOS": "desktop", "ChromeOS": "desktop", "Linux": "desktop", "iOS": "mobile",
    "Android": "mobile", "tvOS": "tv", "watchOS": "watch",
}  # fmt: skip
_BRANDS = {
    "google chrome": "Chrome", "chromium": "Chromium", "microsoft edge": "Edge", "opera": "Opera",
    "samsung internet": "Samsung Internet", "brave": "Brave", "yandex": "Yandex Browser", "yabrowser": "Yandex Browser",
    "android webview": "Chrome WebView", "microsoft edge webview2": "Edge WebView", "vivaldi": "Vivaldi",
    "headlesschrome": "HeadlessChrome",
}  # fmt: skip
# `device` says that it is a mobile one; of iOS only Safari's engine exists.
_MOBILE_WORDS = re.compile(r"\b(?:Mobile|iOS)\b ?")
_VISITOR = re.compile(r"Mozilla/|Opera/|Dalvik/|analytics-(?:ios|android|swift|kotlin)|.{0,200}\bCFNetwork/")


class Agent(NamedTuple):
    """What a user agent shows; empty texts for what it does not."""

    device: str = ""
    system: str = ""
    browser: str = ""


def is_visitors(user_agent: str) -> bool:
    """Return whether a request with this user agent comes from a visitor's own device, and not from a server."""
    return _VISITOR.match(user_agent) is not None


@lru_cache(maxsize=_CACHED_AGENTS)
def read_agent(user_agent: str) -> Agent:
    """Return what a user agent of at most MAX_USER_AGENT_LENGTH shows."""
    os = _parser().parse_os(user_agent)
    system = "HarmonyOS" if _HARMONY.search(user_agent) else _system(os.family) if os else ""
    browser = _browser(user_agent)
    return Agent(_device(user_agent), system, "" if browser == system else fact(browser))


@lru_cache(maxsize=_CACHED_AGENTS)
def is_bot(user_agent: str) -> bool:
    """Return whether a user agent of at most MAX_USER_AGENT_LENGTH is that of a program."""
    return is_crawler(user_agent)


def hinted(context: FactObject) -> Agent:
    """Return what a context says itself: `userAgentData` of browsers, `os`, `device` and `screen` of mobile SDKs."""
    hints, os, device = member(context, "userAgentData"), member(context, "os"), member(context, "device")
    system = _system(text_of(os, "name") or text_of(hints, "platform"))
    if not system:
        system = _system(text_of(device, "type")) if text_of(device, "type").lower() in {"ios", "android"} else ""
    return Agent(_hinted_device(context, hints, device, system), system, _brand(hints))


def device_of_system(system: str) -> str:
    """Return on which kind of device a system commonly runs; empty for one that runs on several."""
    return _DEVICES_OF_SYSTEMS.get(system, "")


def _device(user_agent: str) -> str:
    lower = user_agent.lower()
    for name, words in (("tv", _TV), ("console", _CONSOLE), ("watch", _WATCH), ("tablet", _TABLET)):
        if words.search(lower):
            return name
    if _MOBILE.search(lower):
        return "tablet" if _is_android_without_mobile(lower) else "mobile"
    return "desktop" if _DESKTOP.search(lower) else ""


def _is_android_without_mobile(lower: str) -> bool:
    """Return whether a browser of Android is not one of a phone; programs of Android say it of no device."""
    return "android" in lower and "mobile" not in lower and "phone" not in lower and "applewebkit" in lower


def _browser(user_agent: str) -> str:
    app = next((name for word, name in _APPS if word in user_agent), None)
    if app is not None:
        return app
    parsed = _parser().parse_user_agent(user_agent)
    return _MOBILE_WORDS.sub("", parsed.family).strip() if parsed else ""


def _hinted_device(context: FactObject, hints: FactObject, device: FactObject, system: str) -> str:
    if hints.get("mobile") is True:
        return "mobile"
    model, kind = text_of(device, "model").lower(), text_of(device, "type").lower()
    if kind in {"tablet", "mobile", "desktop", "tv"}:
        return kind
    if model.startswith("ipad") or kind == "ipados":
        return "tablet"
    if hints or not device:
        return ""  # a tablet's hints say neither mobile nor tablet: the user agent knows more
    if system == "Android" and _is_wide(member(context, "screen")):
        return "tablet"
    return device_of_system(system)


def _is_wide(screen: FactObject) -> bool:
    width, height, density = (_number(screen, name) for name in ("width", "height", "density"))
    return min(width, height) >= _TABLET_DP * density > 0


def _number(parent: FactObject, name: str) -> float:
    value = parent.get(name)
    return value if isinstance(value, int | float) else 0


def _brand(hints: FactObject) -> str:
    """Return the brand that is no engine's and no decoy (`Not?A_Brand`)."""
    brands = hints.get("brands")
    listed = brands[:_MAX_BRANDS] if isinstance(brands, list) else []
    names = [text_of(each, "brand").lower() for each in listed if isinstance(each, dict)]
    named = [_BRANDS[name] for name in names if name in _BRANDS]
    return next((name for name in named if name != "Chromium"), named[0] if named else "")


def _system(name: str) -> str:
    short = fact(name)
    return _SYSTEMS.get(short.lower(), short)


@cache
def _parser() -> Parser:
    return Parser(Resolver(load_lazy_builtins()))
