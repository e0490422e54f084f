"""Where files lie: a folder of a disk, or a bucket of S3. Whoever reads sees a whole file or none."""

import asyncio
import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Protocol, TypeVar
from urllib.parse import unquote

from obstore.exceptions import NotFoundError
from obstore.store import S3Store

from definitions.destinations import MAX_CONCURRENCY
from definitions.receivers.files import Files
from definitions.receivers.values import Secret
from sinks.destinations.secrets import resolve

Result = TypeVar("Result")

_UNFINISHED = ".unfinished"


class Place(Protocol):
    """Where files lie. Paths are relative, with `/`. Raises OSError, or obstore's errors."""

    async def write(self, path: str, content: bytes) -> None:
        """Write a file, in one piece, in place of the one that there may be; it is durable on return."""
        ...

    async def exists(self, path: str) -> bool:
        """Return whether there is a file."""
        ...

    async def folders(self, path: str) -> Iterable[str]:
        """Return the names of the folders in a folder; none if there is no such folder."""
        ...

    def close(self) -> None:
        """Begin nothing more."""
        ...


class Disk:
    """A folder of a disk. Has threads of its own: a disk that does not answer holds up nobody else."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._threads = ThreadPoolExecutor(MAX_CONCURRENCY, "files")

    async def write(self, path: str, content: bytes) -> None:
        """Write under a name that nobody reads, make it durable, then give it its name, unless it was given up."""
        is_given_up = Event()
        try:
            await self._in_thread(self._write, self._root / path, content, is_given_up)
        except asyncio.CancelledError:
            is_given_up.set()  # the thread goes on, and must not put a file into an hour that is over
            raise

    async def exists(self, path: str) -> bool:
        """Return whether there is a file."""
        return await self._in_thread((self._root / path).exists)

    async def folders(self, path: str) -> Iterable[str]:
        """Return the names of the folders in a folder."""
        return await self._in_thread(self._folders, self._root / path)

    def close(self) -> None:
        """Begin nothing more; what is under way in a thread ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, work: Callable[..., Result], *about: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *about)

    def _write(self, path: Path, content: bytes, is_given_up: Event) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}{_UNFINISHED}")
        try:
            with open(unfinished, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if is_given_up.is_set():
                raise TimeoutError
            unfinished.replace(path)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink()
            raise
        for folder in (path.parent, path.parent.parent, self._root):  # the names of new folders are to last as well
            _make_durable(folder)

    @staticmethod
    def _folders(path: Path) -> Iterable[str]:
        try:
            with os.scandir(path) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir())
        except FileNotFoundError:
            return ()


class Bucket:
    """A folder of a bucket of S3, where a file that is put is seen whole or not at all."""

    def __init__(self, bucket: str, root: str, config: Mapping[str, str], timeout_s: float) -> None:
        self._root = f"{root}/" if root else ""
        self._store = S3Store(
            bucket,
            config=dict(config),  # type: ignore[arg-type] # its type names hundreds of keys
            client_options={"timeout": f"{max(round(timeout_s), 1)}s", "allow_http": True},
            retry_config={"max_retries": 0},  # whoever sends tries again, and knows how often
        )

    async def write(self, path: str, content: bytes) -> None:
        """Put a file."""
        await self._store.put_async(self._root + path, content, use_multipart=False)

    async def exists(self, path: str) -> bool:
        """Return whether there is a file."""
        try:
            await self._store.head_async(self._root + path)
        except (NotFoundError, FileNotFoundError):
            return False
        return True

    async def folders(self, path: str) -> Iterable[str]:
        """Return the names of the folders in a folder."""
        listed = await self._store.list_with_delimiter_async(self._root + path)
        return [prefix.rstrip("/").rpartition("/")[2] for prefix in listed["common_prefixes"]]

    def close(self) -> None:
        """Hold nothing."""


def place_of(options: Files, timeout_s: float) -> Place:
    """Return where the files of a destination lie; connects to nothing yet. Raises MissingSecret."""
    scheme, _, rest = options.url.partition("://")
    if scheme == "file":
        return Disk(Path(unquote(rest)))
    bucket, _, root = rest.partition("/")
    config = {"region": options.region}
    if options.endpoint:
        config["endpoint"] = options.endpoint
    if options.access_key != Secret():
        config["access_key_id"] = resolve(options.access_key)
        config["secret_access_key"] = resolve(options.secret_key)
    return Bucket(bucket, root.strip("/"), config, timeout_s)


def _make_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
