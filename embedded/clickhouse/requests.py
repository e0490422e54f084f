"""One HTTP request read as ClickHouse reads it: its query, settings, parameters and formats; the body stays outside."""

import base64
import binascii
import hmac
import re
import uuid
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

import msgspec

from embedded.clickhouse.encodings import accepted
from embedded.clickhouse.errors import Code, error
from embedded.clickhouse.profile import DEFAULT_MAX_QUERY_SIZE, ROW_FILTERS
from runtime.loopback import URL_LOOPBACK_NAMES

# Parameters that are no settings; those about sessions, buffers and progress change nothing here.
_RESERVED = frozenset(
    {
        "query",
        "database",
        "default_format",
        "query_id",
        "user",
        "password",
        "quota_key",
        "role",
        "compress",
        "decompress",
        "stacktrace",
        "buffer_size",
        "wait_end_of_query",
        "session_id",
        "session_timeout",
        "session_check",
        "close_session",
        "client_protocol_version",
    }
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOST = re.compile(rf"({'|'.join(map(re.escape, URL_LOOPBACK_NAMES))})(:[0-9]{{1,5}})?")
_LARGEST_QUERY_SIZE = 64 << 20
_ROW_FILTER = r"'[a-z0-9_.]+':'workspace = unhex\(\\'[0-9A-F]+\\'\)'"
_ROW_FILTERS = re.compile(rf"\{{{_ROW_FILTER}(?:,{_ROW_FILTER})*\}}")


class GatewayRequest(msgspec.Struct, frozen=True):
    """What a request wants; `parameters` are those of `{name:Type}`, values in ClickHouse's escaped text.

    `row_filters`: by table the rows of one workspace, as a map in SQL.
    """

    query: bytes
    query_id: str
    database: str
    format: str
    settings: Mapping[str, bytes]
    parameters: Mapping[str, bytes]
    readonly: bool
    whole: bool
    content_encoding: str
    response_encoding: str | None
    row_filters: str = ""

    @property
    def max_query_size(self) -> int:
        """Bytes of SQL to read; as ClickHouse's setting of that name, with a ceiling."""
        wanted = self.settings.get("max_query_size", b"")
        return min(int(wanted), _LARGEST_QUERY_SIZE) if wanted.isdigit() else DEFAULT_MAX_QUERY_SIZE


def read(method: str, query_string: bytes, headers: Mapping[str, str]) -> GatewayRequest:
    """Read a request; header names in lower case. Raises ServerError for what cannot be served."""
    fields = dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="surrogateescape"))
    values = {name: value.encode("utf-8", "surrogateescape") for name, value in fields.items() if name}
    if _is_on(values, "decompress") or _is_on(values, "compress"):
        raise error(
            Code.NOT_IMPLEMENTED, "ClickHouse's own block compression is not spoken here: use Content-Encoding."
        )
    if headers.get("content-type", "").startswith("multipart/form-data"):
        raise error(Code.NOT_IMPLEMENTED, "External tables (multipart/form-data) are not available here.")
    parameters, settings, row_filters = {}, {}, ""
    for name, value in values.items():
        if name.startswith("param_"):
            parameters[_checked(name.removeprefix("param_"), Code.BAD_ARGUMENTS, "query parameter")] = value
        elif name == ROW_FILTERS:
            row_filters = _checked_filters(value)
        elif name not in _RESERVED:
            settings[_checked(name, Code.UNKNOWN_SETTING, "setting")] = value
    compressed = _is_on(settings, "enable_http_compression")
    return GatewayRequest(
        query=values.get("query", b""),
        query_id=_text(values, "query_id") or headers.get("x-clickhouse-query-id", "") or str(uuid.uuid4()),
        database=headers.get("x-clickhouse-database", "") or _text(values, "database"),
        format=headers.get("x-clickhouse-format", "") or _text(values, "default_format") or "TabSeparated",
        settings=settings,
        parameters=parameters,
        readonly=method == "GET",
        whole=_is_on(values, "wait_end_of_query"),
        content_encoding=headers.get("content-encoding", "").strip().lower(),
        response_encoding=accepted(headers.get("accept-encoding", "")) if compressed else None,
        row_filters=row_filters,
    )


def check_password(query_string: bytes, headers: Mapping[str, str], password: str) -> None:
    """Raise ServerError unless the request carries the password in one of ClickHouse's three ways."""
    fields = dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True))
    offered = headers.get("x-clickhouse-key") or _basic_password(headers.get("authorization", ""))
    offered = offered or fields.get("password", "")
    if not hmac.compare_digest(offered.encode("utf-8", "replace"), password.encode("utf-8", "replace")):
        user = headers.get("x-clickhouse-user") or fields.get("user") or "default"
        raise error(
            Code.AUTHENTICATION_FAILED,
            f"{user}: Authentication failed: password is incorrect, or there is no user with such name.",
        )


def check_sender(headers: Iterable[tuple[bytes, bytes]], port: int) -> None:
    """Raise ServerError for what a web page of another site made a browser send; `port` is the one listened on.

    A picture has no `Origin`, so browsers' `Sec-Fetch-Site` counts; and `Host`, because a site may point its own name
    at this machine and then be its own origin. The port in `Host` is free: a tunnel or a proxy has another, and no site
    can have the name. Of a header that is there twice, every value counts.
    """
    sent: dict[bytes, list[str]] = {b"host": [], b"origin": [], b"sec-fetch-site": []}
    for name, value in headers:
        if name in sent:
            sent[name].append(value.decode("latin-1").lower())
    if not {"none", "same-origin"}.issuperset(sent[b"sec-fetch-site"]):
        raise error(Code.ACCESS_DENIED, "Not for pages of other sites: the embedded server answers programs only.")
    if len(sent[b"host"]) != 1 or _HOST.fullmatch(sent[b"host"][0]) is None:
        raise error(Code.ACCESS_DENIED, "Not for this Host: the embedded server answers this machine only.")
    if not {f"http://{host}:{port}" for host in URL_LOOPBACK_NAMES}.issuperset(sent[b"origin"]):
        raise error(Code.ACCESS_DENIED, "Not for this Origin: the embedded server answers programs only.")


def _basic_password(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(credentials, validate=True).decode("utf-8", "replace").partition(":")[2]
    except binascii.Error:
        return ""


def _checked(name: str, code: Code, what: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise error(code, f"Unknown {what} '{name.encode('ascii', 'backslashreplace').decode()}'")
    return name


def _checked_filters(value: bytes) -> str:
    """Return row filters that name nothing but tables and a workspace: they are SQL, which nobody reads again."""
    text = value.decode("utf-8", "replace")
    if _ROW_FILTERS.fullmatch(text) is None:
        raise error(
            Code.ACCESS_DENIED,
            f"The setting {ROW_FILTERS} takes {{'onefold.events':'workspace = unhex('6D61696E')'}} and the like.",
        )
    return text


def _is_on(values: Mapping[str, bytes], name: str) -> bool:
    return values.get(name, b"0").lower() in (b"1", b"true")


def _text(values: Mapping[str, bytes], name: str) -> str:
    return values.get(name, b"").decode("utf-8", "replace")
