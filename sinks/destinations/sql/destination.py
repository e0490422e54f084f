"""A table as a destination: a batch is one transaction, and a row that the database refuses holds up no other."""

import asyncio
from collections.abc import Sequence

import msgspec
from sqlalchemy import Table, text
from sqlalchemy.exc import SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from definitions.receivers.sql import Sql
from sinks.destinations.cells import Unfit
from sinks.destinations.contract import (
    MAX_EXCHANGE_CHARS,
    Batching,
    Delivered,
    Delivery,
    Exchange,
    Outcome,
    Refused,
    Retry,
    Unauthorised,
)
from sinks.destinations.secrets import MissingSecret
from sinks.destinations.sql.database import Database, checked, password_of
from sinks.destinations.sql.errors import outcome_of
from sinks.destinations.sql.rows import SqlStatement, TableRow, row_of, steps_of
from sinks.destinations.sql.table import TableProblem, check_order, fitted, open_table, parameters_of, statement_of


class SqlDestination:
    """A table. Leaves the order of a profile's deliveries, and when to try again, to who sends.

    `fields`: the names that the mapping can make: the columns of a table that is created, and emptied where a delivery
    lacks them.
    """

    def __init__(
        self,
        options: Sql,
        fields: Sequence[str] = (),
        timeout_s: float = 10.0,
        *,
        is_of_profile: bool = True,
    ) -> None:
        """Connect to nothing yet. `is_of_profile`: see `table.statement_of`. Raises MissingSecret."""
        writers = 1 if checked(options).drivername == "sqlite" else None
        self.batching = Batching(deliveries=options.batch, bytes=8_000_000, requests=writers)
        self._options = options
        self._fields = tuple(fields)
        self._timeout_s = timeout_s
        self._is_of_profile = is_of_profile
        self._database: Database | None = None
        self._table: Table | None = None
        password_of(options)

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Write the deliveries' rows in one transaction."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._write(deliveries)
        except MissingSecret as missing:
            outcome: Outcome = Unauthorised(str(missing))
        except TableProblem as problem:
            outcome = Retry("unavailable", str(problem))
        except (SQLAlchemyError, OSError) as error:
            outcome = outcome_of(error)
        self._table = None  # it may have changed; what cannot be written costs no time that counts
        if isinstance(outcome, Unauthorised):
            await self.close()  # the next attempt reads the password again
        return [outcome] * len(deliveries)

    async def close(self) -> None:
        """Close the connections."""
        database, self._database = self._database, None
        if database is not None:
            await database.close()

    async def _write(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        if self._database is not None and self._database.is_gone():
            await self.close()
            self._table = None
        if self._database is None:
            self._database = Database(self._options, self._timeout_s)
        async with self._database.engine.connect() as connection:
            table = await self._opened(connection)
            rows, outcomes = self._rows(deliveries, table)
            if any(isinstance(outcome, Refused) for outcome in outcomes):
                self._table = None  # a column may have come since: the next batch sees it
            try:
                await self._write_together(connection, table, rows)
            except StatementError as error:
                if not isinstance(outcome_of(error), Refused):
                    raise
                for position, refused in await self._write_singly(connection, table, rows):
                    outcomes[position] = refused
        return outcomes

    async def _opened(self, connection: AsyncConnection) -> Table:
        if self._table is None:
            async with connection.begin():
                self._table = await connection.run_sync(open_table, self._options, self._fields)
        return self._table

    def _rows(self, deliveries: Sequence[Delivery], table: Table) -> tuple[list[TableRow], list[Outcome]]:
        rows: list[TableRow] = []
        outcomes: list[Outcome] = []
        for position, delivery in enumerate(deliveries):
            row = row_of(position, delivery, self._options, self._fields)
            outcome: Outcome
            if isinstance(row, TableRow):
                exchange = _exchange(row, table)
                try:
                    if self._is_of_profile and row.action != "insert":
                        check_order(row, table, self._options, delivery.activation.version)
                    rows.append(fitted(row, table))
                    outcome = Delivered(exchange)
                except Unfit as problem:
                    outcome = Refused("unmappable", str(problem), exchange)
            else:
                outcome = row
            outcomes.append(outcome)
        return rows, outcomes

    async def _write_together(self, connection: AsyncConnection, table: Table, rows: Sequence[TableRow]) -> None:
        async with connection.begin():
            for step in steps_of(rows):
                statement = statement_of(step, table, self._options, connection.dialect.name, self._is_of_profile)
                await connection.execute(statement, [parameters_of(row) for row in step.rows])

    async def _write_singly(
        self, connection: AsyncConnection, table: Table, rows: Sequence[TableRow]
    ) -> Sequence[tuple[int, Refused]]:
        """Write what the database takes, in one transaction too; return what it refuses, by the row's position."""
        refused: list[tuple[int, Refused]] = []
        async with connection.begin():
            if connection.dialect.name == "postgresql":  # else a deferred constraint would fail all, when they commit
                await connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
            for row in rows:
                step = SqlStatement(row.action, tuple(sorted(row.values)), (row,))
                statement = statement_of(step, table, self._options, connection.dialect.name, self._is_of_profile)
                try:
                    async with connection.begin_nested():
                        await connection.execute(statement, parameters_of(row))
                except StatementError as error:
                    outcome = outcome_of(error)
                    if not isinstance(outcome, Refused):
                        raise
                    refused.append((row.position, msgspec.structs.replace(outcome, exchange=_exchange(row, table))))
        return refused


def _exchange(row: TableRow, table: Table) -> Exchange:
    written = msgspec.json.encode(row.values, enc_hook=str).decode()
    return Exchange(request=f"{row.action} {table.fullname} {written}"[:MAX_EXCHANGE_CHARS])
