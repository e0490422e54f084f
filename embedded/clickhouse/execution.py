"""One request inside the engine, from its bytes to its pieces of output; threads and HTTP are left to the gateway."""

import itertools
import threading
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile

import msgspec

from embedded.clickhouse.encodings import decode
from embedded.clickhouse.engine import STREAMED, Engine, EngineSession, QueryProgress
from embedded.clickhouse.errors import Code, error
from embedded.clickhouse.lexing import lex
from embedded.clickhouse.profile import MAX_BUFFERED_RESULT_BYTES
from embedded.clickhouse.refusals import Refusals, refuse
from embedded.clickhouse.requests import GatewayRequest
from embedded.clickhouse.statements import Statement, StatementKind, parse

Body = SpooledTemporaryFile[bytes]

_PIECE_BYTES = 256 << 10
_VALUE_EXPRESSIONS_BYTES = 2 << 20
_KILL_INTERVAL_S = 0.1


class RunnableQuery(msgspec.Struct, frozen=True):
    """A request read so far that it can be run: its statement, and the data behind an INSERT."""

    statement: Statement
    data: Iterator[bytes]
    expressions: bool = False

    @property
    def writes(self) -> bool:
        """Whether it belongs to the writes: anything but a SELECT."""
        return self.statement.kind is not StatementKind.SELECT


def read_query(request: GatewayRequest, body: Body, refused: Refusals) -> RunnableQuery:
    """Return the statement of a request: its `query` parameter, a line break, its body. Raises ServerError."""
    pieces = decode(iter(lambda: body.read(_PIECE_BYTES), b""), request.content_encoding)
    if request.query:
        pieces = itertools.chain([request.query + b"\n"], pieces)
    head = b""
    # One byte more than allowed lets the engine see, and say, that there is too much.
    while len(head) <= request.max_query_size and (piece := next(pieces, None)) is not None:
        head += piece
    statement = parse(head[: request.max_query_size + 1], refused)
    if request.readonly and not statement.reads_only:
        raise error(Code.READONLY, "Cannot execute this query over HTTP GET: send what changes something by POST.")
    if statement.kind is StatementKind.INSERT_DATA:
        values = head[statement.data_at :]
        expressions = False
        if statement.format == "Values":
            # Expressions are SQL, which is read before it runs; longer VALUES must be literals.
            while len(values) <= _VALUE_EXPRESSIONS_BYTES and (piece := next(pieces, None)) is not None:
                values += piece
            expressions = len(values) <= _VALUE_EXPRESSIONS_BYTES
        if expressions:
            refuse(list(lex(values)), refused)
        return RunnableQuery(statement, itertools.chain([values], pieces), expressions)
    return RunnableQuery(statement, iter(()))


class Execution:
    """A query being run: `piece` until it returns None, then `close`; each from one thread at a time, any thread.

    `abandon` may come at any moment instead, from a thread that may wait.
    """

    def __init__(self, engine: Engine, request: GatewayRequest, runnable: RunnableQuery) -> None:
        self.query_id = request.query_id
        self.writes = runnable.writes
        statement = runnable.statement
        self.format = statement.format or request.format
        self._engine = engine
        self._request = request
        self._query = runnable
        self._streamed = statement.kind is StatementKind.SELECT and self.format in STREAMED and not request.whole
        self._busy = threading.Lock()
        self._abandoned = False
        self._session: EngineSession | None = None
        self._pieces: Iterator[bytes] | None = None

    @property
    def progress(self) -> QueryProgress:
        """What was read and written so far."""
        return self._session.progress if self._session else QueryProgress()

    def piece(self) -> bytes | None:
        """Return the next output, None after the last. Raises ServerError."""
        with self._busy:
            if self._abandoned:
                raise error(Code.QUERY_WAS_CANCELLED, "Query was cancelled.")
            if self._pieces is None:
                self._pieces = self._run()
            return next(self._pieces, None)

    def interrupt(self) -> None:
        """Ask the engine to stop what runs now; it fails with QUERY_WAS_CANCELLED."""
        self._engine.kill(self.query_id)

    def abandon(self) -> None:
        """Give up: kill what only reads, let what writes finish, close."""
        self._abandoned = True
        while not self._busy.acquire(timeout=_KILL_INTERVAL_S):
            if not self.writes:
                self.interrupt()
        try:
            self._close()
        finally:
            self._busy.release()

    def close(self) -> None:
        """End the session."""
        with self._busy:
            self._close()

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()

    def _run(self) -> Iterator[bytes]:
        request, statement = self._request, self._query.statement
        self._session = session = self._engine.session(
            request.query_id, expressions=self._query.expressions, row_filters=request.row_filters
        )
        settings = dict(request.settings)
        if not self._streamed:
            settings.setdefault("max_result_bytes", b"%d" % MAX_BUFFERED_RESULT_BYTES)
        session.configure(settings, request.parameters, request.database, request.readonly)
        match statement.kind:
            case StatementKind.INSERT_DATA:
                session.insert(statement.text, statement.format or "", self._query.data)
            case StatementKind.SELECT if self._streamed:
                yield from session.stream(statement.text, request.format)
            case StatementKind.KILL:
                yield session.run(self._with_own_ids(statement.text), request.format)
            case _:
                yield session.run(statement.text, request.format)

    def _with_own_ids(self, kill: bytes) -> bytes:
        """Return the statement with the ids that clients gave or got replaced by those the engine knows."""
        own_ids = self._engine.running()
        text, copied = b"", 0
        for token in lex(kill):
            literal = kill[token.start : token.end]
            if token.string and literal in own_ids:
                text += kill[copied : token.start] + own_ids[literal]
                copied = token.end
        return text + kill[copied:]
