"""Where somebody is, by the IP address that an event or its connection has: the address itself is not kept.

Without a file of the workspace's own the country is the one to which the address is registered (`iptocc`, which carries
the registries' lists). A file in MaxMind's format may know the region too; ip2region's knows Chinese provinces.
"""

import ipaddress
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import maxminddb
from ip2region import searcher, util
from iptocc import country_code

from admission.facts.values import FactObject, fact, member, text_of
from settings import FactSettings, SettingsError

_CHINA = "CN"
_UNKNOWN = "0"  # what ip2region has for nothing


class Location(NamedTuple):
    """Country by its two letters (ISO 3166), and region; empty texts for what is not known."""

    country: str = ""
    region: str = ""


NOWHERE = Location()
Locate = Callable[[str], Location]


def locator(settings: FactSettings) -> Callable[[FactObject], Location]:
    """Return what finds the place of a context's `ip`, or else of the connection's `address`.

    Raises SettingsError for a file of the settings that cannot be read.
    """
    find = _find(settings)
    return lambda context: find(text_of(context, "ip") or text_of(context, "address"))


def _find(settings: FactSettings) -> Locate:
    if "place" in settings.off:
        return lambda _text: NOWHERE
    find_country = _reader(settings.places) if settings.places else _registered
    find_province = _province_reader(settings.regions) if settings.regions else None

    def find(text: str) -> Location:
        address = _public(text)
        if address is None:
            return NOWHERE
        place = find_country(address)
        if find_province is not None and place.country in {_CHINA, ""} and (province := find_province(address)):
            return Location(_CHINA, province)
        return place

    return find


def _public(text: str) -> str | None:
    """Return an address as it is written commonly; None for none, and for one that is not of the open internet."""
    try:
        address = ipaddress.ip_address(text[:64].strip())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address) if address.is_global and not address.is_multicast else None


def _registered(address: str) -> Location:
    return Location(country_code(address) or "")


@cache
def _reader(path: str) -> Locate:
    try:
        database = maxminddb.open_database(path, maxminddb.MODE_AUTO)
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        raise SettingsError(f"cannot read the places file {path}: {error}") from error

    def read(address: str) -> Location:
        try:
            found = database.get(address)
        except (ValueError, maxminddb.InvalidDatabaseError):  # an IPv6 address in a file of IPv4 addresses
            return NOWHERE
        if not isinstance(found, dict):
            return NOWHERE
        country = text_of(member(found, "country"), "iso_code") or text_of(found, "country_code")
        return Location(fact(country), _region(found))

    return read


def _region(found: FactObject) -> str:
    divisions = found.get("subdivisions")
    first = divisions[0] if isinstance(divisions, list) and divisions and isinstance(divisions[0], dict) else {}
    return fact(text_of(member(first, "names"), "en") or text_of(first, "iso_code") or text_of(found, "state1"))


@cache
def _province_reader(path: str) -> Callable[[str], str]:
    try:
        util.verify_from_file(path)
        content = util.load_content_from_file(path)
        version = util.version_from_header(util.load_header_from_file(path))
        if version is None:
            raise ValueError("unknown version of addresses")
        provinces = searcher.new_with_buffer(version, content)
    except Exception as error:
        raise SettingsError(f"cannot read the regions file {path}: {error}") from error

    def read(address: str) -> str:
        try:
            found = provinces.search(address)
        except Exception:  # noqa: BLE001 - likewise, for an address of the version that the file does not have
            return ""
        country, _, rest = found.partition("|")
        first = next((part for part in rest.split("|") if part != _UNKNOWN), "")
        return fact(first) if country == "中国" else ""

    return read
