"""Connects to a database of either kind. No text that comes of it holds a value or a password."""

import asyncio
import os
import ssl
from threading import Thread
from urllib.parse import quote

import aiosqlite
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from definitions.receivers.sql import Sql
from definitions.receivers.values import Secret
from sinks.destinations.secrets import BadOption, resolve


class Database:
    """The connections to one database, made as they are needed."""

    def __init__(self, options: Sql, timeout_s: float) -> None:
        """Connect to nothing yet. Raises MissingSecret."""
        self._timeout_s = timeout_s
        self._threads: list[Thread] = []
        self._opened: tuple[int, int] | None = None  # the file of SQLite
        url = self._url = checked(options)
        is_sqlite = url.drivername == "sqlite"
        self.engine = self._sqlite(url, options.create) if is_sqlite else _postgresql(url, options, timeout_s)

    def is_gone(self) -> bool:
        """Return whether the file of SQLite is not the one that was opened: what is written there nobody reads."""
        return self._opened is not None and _file_at(self._url.database or "") != self._opened

    async def close(self) -> None:
        """Close the connections, and wait for what their threads still do: they answer to this event loop."""
        await self.engine.dispose()
        for thread in self._threads:
            await asyncio.to_thread(thread.join, self._timeout_s)

    def _sqlite(self, url: URL, is_created: bool) -> AsyncEngine:
        address = f"file:{quote(url.database or '')}?mode={'rwc' if is_created else 'rw'}"

        async def connect() -> aiosqlite.Connection:
            connection = aiosqlite.connect(
                address,
                uri=True,
                timeout=self._timeout_s / 2,
                isolation_level=None,  # else the driver begins transactions by itself, before some statements only
                check_same_thread=False,
            )
            # A connection that fails or is cancelled does not wait for its thread, and has no other way to.
            connection._thread.daemon = True
            self._threads = [*(thread for thread in self._threads if thread.is_alive()), connection._thread]
            await connection
            self._opened = _file_at(url.database or "")
            return connection

        engine = create_async_engine(
            "sqlite+aiosqlite:///file",  # any file: its kind of pool is wanted
            async_creator=connect,
            hide_parameters=True,
            pool_size=1,  # SQLite has one writer
            max_overflow=0,
            pool_timeout=self._timeout_s,
        )

        @event.listens_for(engine.sync_engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

        return engine


def _file_at(path: str) -> tuple[int, int] | None:
    """Return what tells a file from any other that has its name; None if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def checked(options: Sql) -> URL:
    """Return the address of the database. Raises BadOption, which does not repeat it."""
    try:
        return make_url(options.url)
    except (SQLAlchemyError, ValueError):
        raise BadOption("url: it leads to no database") from None


def password_of(options: Sql) -> str | None:
    """Return the password, if there is to be one. Raises MissingSecret."""
    return resolve(options.password) if options.password != Secret() else None


def _postgresql(url: URL, options: Sql, timeout_s: float) -> AsyncEngine:
    return create_async_engine(
        url.set(drivername="postgresql+asyncpg", password=password_of(options)),
        hide_parameters=True,
        pool_size=0,  # no bound but that of who sends: what waited for a connection would run into its time-out
        connect_args={
            "ssl": ssl.create_default_context() if options.tls == "verify-full" else options.tls,
            "timeout": timeout_s,
            "server_settings": {"application_name": "onefold"},
        },
    )
