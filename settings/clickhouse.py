"""Where ClickHouse is, and what it and Onefold show each other: a name with a password, a certificate."""

import ssl
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from runtime.files import read_private
from runtime.loopback import LOOPBACK
from settings.addresses import host_and_port, without_credentials
from settings.bounds import Cluster, Url, UserName
from settings.errors import SettingsError

VARIABLE = "ONEFOLD_CLICKHOUSE"
_EVERYBODY = "default"


def _variable_of(field: str) -> str:
    """`url` is ONEFOLD_CLICKHOUSE itself, all others are called after it."""
    return "clickhouse" if field == "url" else f"clickhouse_{field}"


class ClickHouse(msgspec.Struct, frozen=True, rename=_variable_of):
    """One server, or one server of a cluster.

    `user`, `password_file`: who logs on; they go before those in `url`. `ca_file`: the certificates of the authorities
    that an https server is believed by, in place of the system's. `cluster`: the cluster, by the server's own name for
    it, whose servers all get the tables.
    """

    url: Url = f"http://{LOOPBACK}:8123"
    user: UserName = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    cluster: Cluster = ""

    def __repr__(self) -> str:
        return f"ClickHouse({self.shown_url!r}, user={self.user_name!r}, cluster={self.cluster!r})"

    @property
    def shown_url(self) -> str:
        """The address as messages may show it."""
        return without_credentials(self.url)

    @property
    def host_and_port(self) -> str:
        """`HOST:PORT`, for messages."""
        return host_and_port(self.url)

    @property
    def user_name(self) -> str:
        """Who logs on."""
        return self.user or unquote(urlsplit(self.url).username or "") or _EVERYBODY

    @property
    def is_encrypted(self) -> bool:
        """Whether it is spoken to by https."""
        return urlsplit(self.url).scheme == "https"

    def password(self) -> str | None:
        """Return what the password file holds now; None where `url` says all. Raises SettingsError."""
        if self.password_file is None:
            return "" if self.user else None
        try:
            return read_private(self.password_file)
        except (OSError, ValueError) as error:
            raise SettingsError(f"{VARIABLE}_PASSWORD_FILE={str(self.password_file)!r}: {error}") from error

    def tls(self) -> ssl.SSLContext | None:
        """Return which certificates are believed; None where nothing is encrypted. Raises SettingsError."""
        if not self.is_encrypted:
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise SettingsError(
                f"{VARIABLE}_CA_FILE={str(self.ca_file)!r}: expected a file of certificates in PEM, {error}"
            ) from error
