"""Which of the known sites a host or a name in a campaign is, by the list `sites.toml` beside this file."""

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple, TypeAlias

from admission.facts.addresses import Host, host_of

Kind: TypeAlias = Literal["search", "social", "video", "shopping", "assistant", "email", "none"]

KINDS: tuple[Kind, ...] = ("search", "social", "video", "shopping", "assistant", "email", "none")


class Site(NamedTuple):
    """A known site: its name is the fact `source`. `keywords`: parameters that hold what was searched for there."""

    name: str
    kind: Kind
    keywords: tuple[str, ...] = ()


class _Sites(NamedTuple):
    """Sites by their entries, and by their names and other names without a dot."""

    by_entry: dict[str, Site]
    by_name: dict[str, Site]


def site_of(host: Host) -> Site | None:
    """Return the site of a host, by the most specific entry; None if it is none of the known ones."""
    by_entry = _sites().by_entry
    return next((by_entry[entry] for entry in _entries(host) if entry in by_entry), None)


def site_named(source: str) -> Site | None:
    """Return the site that a campaign names as its source, by name or by host; None if it is none of the known ones."""
    name = source.lower()
    site = _sites().by_name.get(name)
    if site is None and "." in name and " " not in name:
        return site_of(host_of(name))
    return site


def _entries(host: Host) -> Iterator[str]:
    labels = host.name.split(".")
    of_suffix = host.suffix.count(".") + 1 if host.suffix else 0
    for index in range(len(labels)):
        yield ".".join(labels[index:])
        if of_suffix and index < len(labels) - of_suffix:
            yield ".".join([*labels[index : len(labels) - of_suffix], "*"])


@cache
def _sites() -> _Sites:
    tables = tomllib.loads(files(__package__).joinpath("sites.toml").read_text(encoding="utf-8"))
    sites = _Sites({}, {})
    for kind in KINDS:
        for name, entries in tables[kind].items():
            site = Site(name, kind, tuple(tables["keywords"].get(name, ())))
            if kind != "none":
                sites.by_name.setdefault(name, site)
            for entry in entries:
                (sites.by_entry if "." in entry else sites.by_name).setdefault(entry, site)
    return sites
