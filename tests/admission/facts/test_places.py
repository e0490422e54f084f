"""Countries and regions by addresses: the shipped data, and files of an operator's own."""

import struct
from pathlib import Path

import msgspec
import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from admission.facts.events import FactReader, Requester
from settings import FactSettings, SettingsError
from tests.admission.facts.given import CHROME, event, facts_of


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("8.8.8.8", "US"),
        ("114.114.114.114", "CN"),
        ("5.9.0.1", "DE"),
        ("2001:4860:4860::8888", "US"),
        ("2400:3200::1", "CN"),
        ("::ffff:114.114.114.114", "CN"),
        (" 5.9.0.1 ", "DE"),
    ],
)
def test_an_address_is_of_the_country_that_it_is_registered_to(address: str, country: str) -> None:
    assert facts_of(event(ip=address)) == {"country": country}


@pytest.mark.parametrize(
    "address",
    ["", "0.0.0.0", "10.1.2.3", "192.168.0.1", "172.16.0.1", "127.0.0.1", "169.254.1.1", "100.64.0.1", "fe80::1", "::1",
     "fd00::1", "203.0.113.5", "255.255.255.255", "224.0.0.1", "999.1.1.1", "unknown", "5.9.0.1, 10.0.0.1", "5" * 9_999,
     7, None, ["5.9.0.1"], {}],
)  # fmt: skip
def test_an_address_of_no_place_says_none(address: object) -> None:
    assert "country" not in facts_of(event(ip=address))


def test_the_address_of_a_connection_counts_where_the_visitors_own_device_sends() -> None:
    assert facts_of(event(), Requester("5.9.0.1", CHROME))["country"] == "DE"
    assert facts_of(event(), Requester("5.9.0.1", "Shop/1.0 CFNetwork/1404.0.5 Darwin/22.3.0"))["country"] == "DE"
    for server in ("analytics-python/2.4.0", "analytics-node-next/latest", "Java/17.0.9", "curl/8.5.0", ""):
        assert facts_of(event(), Requester("5.9.0.1", server)) == {}
    assert facts_of(event(ip="114.114.114.114"), Requester("5.9.0.1", CHROME))["country"] == "CN"


def test_a_sender_that_hides_the_address_hides_the_place() -> None:
    assert "country" not in facts_of(event(ip="0.0.0.0"), Requester("5.9.0.1", CHROME))


def test_the_header_says_the_device_where_the_context_does_not() -> None:
    assert facts_of(event(), Requester("", CHROME))["browser"] == "Chrome"
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0"
    assert facts_of(event(userAgent=firefox), Requester("", CHROME))["browser"] == "Firefox"


def test_a_file_of_ones_own_knows_regions(tmp_path: Path) -> None:
    path = tmp_path / "cities.mmdb"
    writer = MMDBWriter(6, "Cities", ipv4_compatible=True)
    saxony = {"country": {"iso_code": "DE"}, "subdivisions": [{"names": {"en": "Saxony", "de": "Sachsen"}}]}
    writer.insert_network(IPSet(["5.9.0.0/16"]), saxony)
    writer.insert_network(IPSet(["5.10.0.0/16"]), {"country_code": "FR"})
    writer.insert_network(IPSet(["5.11.0.0/16"]), {"country": [], "subdivisions": ["x"]})
    writer.insert_network(IPSet(["10.0.0.0/8"]), {"country_code": "FR"})
    writer.to_db_file(str(path))
    assert facts_of(event(ip="10.0.0.1"), places=str(path)) == {}
    assert facts_of(event(ip="5.9.0.1"), places=str(path)) == {"country": "DE", "region": "Saxony"}
    assert facts_of(event(ip="5.10.0.1"), places=str(path)) == {"country": "FR"}
    assert facts_of(event(ip="5.11.0.1"), places=str(path)) == {}
    assert facts_of(event(ip="8.8.8.8"), places=str(path)) == {}


def test_a_file_of_chinese_provinces_says_them_beside_the_country(tmp_path: Path) -> None:
    path = tmp_path / "ip2region_v4.xdb"
    regions = {"114.114.114.0": "中国|0|江苏省|南京市|0", "8.8.8.0": "美国|0|加利福尼亚|0|谷歌"}
    path.write_bytes(ip2region_file(regions))
    assert facts_of(event(ip="114.114.114.114"), regions=str(path)) == {"country": "CN", "region": "江苏省"}
    assert facts_of(event(ip="8.8.8.8"), regions=str(path)) == {"country": "US"}
    assert facts_of(event(ip="2400:3200::1"), regions=str(path)) == {"country": "CN"}


def ip2region_file(regions: dict[str, str]) -> bytes:
    """A file of ip2region's structure 2 for networks of 256 addresses: header, vector index, segments, texts."""
    index_begin = 256 + 256 * 256 * 8
    texts_begin = index_begin + 14 * len(regions)
    vector, segments, texts = bytearray(256 * 256 * 8), b"", b""
    for number, (network, region) in enumerate(regions.items()):
        first, second, third, _ = (int(part) for part in network.split("."))
        begin = first << 24 | second << 16 | third << 8
        text = region.encode()
        at = index_begin + 14 * number
        struct.pack_into("<II", vector, (first * 256 + second) * 8, at, at + 14)
        segments += struct.pack("<IIHI", begin, begin | 255, len(text), texts_begin + len(texts))
        texts += text
    header = struct.pack("<HHIII", 2, 1, 0, index_begin, texts_begin - 14).ljust(256, b"\0")
    return header + bytes(vector) + segments + texts


@pytest.mark.parametrize("setting", ["places", "regions"])
def test_a_file_that_is_none_is_refused_at_the_start(setting: str, tmp_path: Path) -> None:
    wrong = tmp_path / "file"
    for content in (None, b"", b"no database" * 100):
        if content is not None:
            wrong.write_bytes(content)
        with pytest.raises(SettingsError, match=f"cannot read the {setting} file .*file"):
            FactReader(msgspec.convert({setting: str(wrong)}, FactSettings))
