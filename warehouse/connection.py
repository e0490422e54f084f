"""How a connection to ClickHouse is let in, and what is said when it is not: names, passwords, certificates."""

import base64
import ssl
from collections.abc import Iterator

import httpx

from runtime.errors import OnefoldError, TerminalError, UnreachableError
from settings import ClickHouse

_LOG_ON = "ONEFOLD_CLICKHOUSE_USER and ONEFOLD_CLICKHOUSE_PASSWORD_FILE say who it is and with which password"
_NOT_YET_VALID, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64  # OpenSSL's X509_V_ERR_*
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"})


class Credentials(httpx.Auth):
    """Logs on with what the password file holds at the time, so that a new password needs no new start."""

    def __init__(self, server: ClickHouse) -> None:
        self._server = server

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        """Yield the request with its header. Raises SettingsError when the file cannot be used."""
        password = self._server.password()
        if password is not None:
            named = f"{self._server.user_name}:{password}".encode()
            request.headers["authorization"] = f"Basic {base64.b64encode(named).decode()}"
        yield request


def http_client(server: ClickHouse, timeout: httpx.Timeout) -> httpx.Client:
    """Return a client for one server. Raises SettingsError when its certificates or its password cannot be used."""
    by_file = server.password() is not None
    return httpx.Client(
        base_url=server.url,
        timeout=timeout,
        headers={"accept-encoding": "identity"},
        auth=Credentials(server) if by_file else None,
        verify=server.tls() or False,  # plain: no certificates need to be read
    )


def not_let_in(server: ClickHouse) -> TerminalError:
    """Return the error for a name or a password that the server does not take."""
    return TerminalError(f"ClickHouse at {server.host_and_port} does not let user {server.user_name!r} in: {_LOG_ON}")


def not_reached(server: ClickHouse, error: httpx.HTTPError) -> OnefoldError:
    """Return the error for a request without an answer: terminal where only other settings help."""
    failure = _tls_error(error)
    if isinstance(failure, ssl.SSLCertVerificationError):
        return TerminalError(_distrusted(server, failure))
    if failure is not None and failure.reason in _NO_TLS:
        return TerminalError(
            f"ClickHouse at {server.host_and_port} does not speak TLS there: let ONEFOLD_CLICKHOUSE name the port for "
            "https (8443 in ClickHouse's own configuration), or begin with http://"
        )
    # A server of TLS cuts off a plain request; so does one that is being stopped.
    is_cut_off = isinstance(error, httpx.RemoteProtocolError | httpx.ReadError) and not server.is_encrypted
    hint = "; if it speaks TLS there, let ONEFOLD_CLICKHOUSE begin with https://" if is_cut_off else ""
    return UnreachableError(f"ClickHouse at {server.host_and_port} does not answer: {error!r}{hint}")


def _tls_error(error: BaseException) -> ssl.SSLError | None:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause


def _distrusted(server: ClickHouse, failure: ssl.SSLCertVerificationError) -> str:
    match failure.verify_code:
        case code if code == _EXPIRED:
            remedy = "renew the certificate at the server"
        case code if code == _NOT_YET_VALID:
            remedy = "look at the clocks of both machines"
        case code if code in (_OTHER_NAME, _OTHER_ADDRESS):
            remedy = "let ONEFOLD_CLICKHOUSE name the server as its certificate does"
        case _ if server.ca_file is not None:
            remedy = f"the authority that signed it is none of those in {server.ca_file} (ONEFOLD_CLICKHOUSE_CA_FILE)"
        case _:
            remedy = "ONEFOLD_CLICKHOUSE_CA_FILE names the certificate of the authority that signed it"
    return f"ClickHouse at {server.host_and_port} is not believed, {failure.verify_message}: {remedy}"
