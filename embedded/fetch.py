"""Fetch the JVM files into the user's cache: in parallel, resumable, verified, once for all stacks of a user.

A file counts as present only when its bytes hash to the lock file's checksum. Which files are wanted is `artifacts`';
what a person sees meanwhile is the screen's.
"""

import hashlib
import os
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import requests
from jgo.constants import MAVEN_CENTRAL_URL
from platformdirs import user_cache_path

from embedded.artifacts import Artifact
from embedded.errors import StackError
from embedded.locks import exclusive_lock
from embedded.private import trusted_folder

ATTEMPTS = 5
BACK_OFF_S = 0.5  # before the second attempt; doubled before each further one
_CONNECTIONS = 8
_CHUNK_BYTES = 256 * 1024
_TIMEOUT_S = (10.0, 60.0)  # to connect, and between two reads


class FetchProgress(Protocol):
    """What a person sees of a fetch; called from several threads."""

    def fetch_starts(self, files: int, size: int) -> None:
        """Hear that `files` of `size` bytes in all are missing and will be fetched."""

    def fetched(self, size: int) -> None:
        """Hear that `size` more bytes are here; negative when bytes turned out wrong and are thrown away."""

    def fetch_ends(self) -> None:
        """Hear that everything is here, or fetching was given up."""

    def note(self, line: str) -> None:
        """Hear something that a person who waits wants to know."""


def repository_url(environ: Mapping[str, str] = os.environ) -> str:
    """Return the Maven repository: Maven Central, or the mirror that ONEFOLD_MAVEN_URL names."""
    return (environ.get("ONEFOLD_MAVEN_URL") or str(MAVEN_CENTRAL_URL)).rstrip("/")


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return ONEFOLD_CACHE, or `onefold` in the user's cache folder (on Linux XDG_CACHE_HOME or ~/.cache)."""
    own = environ.get("ONEFOLD_CACHE")
    return Path(own).absolute() if own else user_cache_path("onefold")


def fetch(artifacts: Sequence[Artifact], cache: Path, progress: FetchProgress, url: str | None = None) -> list[Path]:
    """Return paths of the artifacts in the cache, in their order; what is missing or damaged is fetched first.

    Raises StackError when the repository cannot be reached, lacks a file, or serves other bytes than the lock file's.
    """
    prepare_cache(cache)
    if _missing(artifacts, cache):
        with _only_process(cache, progress):
            missing = _missing(artifacts, cache)
            if missing:
                _fetch_all(missing, cache, progress, url or repository_url())
    return [cache / artifact.path for artifact in artifacts]


def prepare_cache(cache: Path) -> None:
    """Make the cache, or make sure that nobody else can change what is in it. Raises StackError."""
    try:
        trusted_folder(cache)
    except OSError as error:
        raise _unwritable(cache, error) from error


@contextmanager
def _only_process(cache: Path, progress: FetchProgress) -> Iterator[None]:
    try:
        with exclusive_lock(cache / ".lock", lambda: progress.note("another process is fetching; waiting for it")):
            yield
    except OSError as error:
        raise _unwritable(cache, error) from error


def _unwritable(cache: Path, error: OSError) -> StackError:
    reason = error.strerror or str(error)
    return StackError(f"cannot write to the cache {cache}: {reason} (ONEFOLD_CACHE names another)")


def _missing(artifacts: Sequence[Artifact], cache: Path) -> list[Artifact]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        present = pool.map(lambda artifact: _is_present(cache / artifact.path, artifact), artifacts)
        return [artifact for artifact, is_here in zip(artifacts, present, strict=True) if not is_here]


def _is_present(path: Path, artifact: Artifact) -> bool:
    try:
        return path.stat().st_size == artifact.size and sha256_of(path) == artifact.sha256
    except OSError:
        return False


def sha256_of(path: Path) -> str:
    """Return checksum of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch_all(artifacts: Sequence[Artifact], cache: Path, progress: FetchProgress, url: str) -> None:
    stop = threading.Event()
    progress.fetch_starts(len(artifacts), sum(artifact.size for artifact in artifacts))
    largest_first = sorted(artifacts, key=lambda artifact: -artifact.size)
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        try:
            downloads = [pool.submit(_Download(artifact, cache, progress, url, stop).run) for artifact in largest_first]
            for finished in as_completed(downloads):
                finished.result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
            progress.fetch_ends()


class _Unfinished(Exception):
    """An attempt ended early; what has arrived is kept and the next attempt goes on from there."""


class _Download:
    """One file on its way: `<name>.partial` grows over the attempts and is renamed once its checksum is right."""

    def __init__(
        self, artifact: Artifact, cache: Path, progress: FetchProgress, url: str, stop: threading.Event
    ) -> None:
        self._artifact = artifact
        self._target = cache / artifact.path
        self._partial = self._target.with_name(f"{artifact.file_name}.partial")
        self._progress = progress
        self._url = f"{url}/{artifact.path}"
        self._repository = url
        self._stop = stop
        self._counted = 0  # bytes that the screen has counted

    def run(self) -> None:
        """Fetch the file, or return early when all fetching is to stop. Raises StackError and OSError."""
        self._target.parent.mkdir(parents=True, exist_ok=True)
        started_anew = False
        for attempt in range(ATTEMPTS):
            try:
                self._receive()
            except (_Unfinished, requests.RequestException) as error:
                if attempt == ATTEMPTS - 1:
                    raise self._unreachable(error) from error
                if self._stop.wait(BACK_OFF_S * 2**attempt * random.uniform(0.8, 1.2)):  # noqa: S311 - no secret: attempts shall not coincide
                    return
                continue
            if self._stop.is_set():
                return
            digest = sha256_of(self._partial)
            if digest == self._artifact.sha256:
                self._partial.replace(self._target)
                return
            self._discard()
            if started_anew:
                raise self._wrong_checksum(digest)
            started_anew = True
        raise self._wrong_checksum("other bytes at every attempt")

    def _receive(self) -> None:
        """One attempt: append what the repository sends to what is already here."""
        received = self._partial.stat().st_size if self._partial.exists() else 0
        if received >= self._artifact.size:
            self._count_up_to(min(received, self._artifact.size))
            return
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={received}-"} if received else {})
        with requests.get(self._url, headers=headers, stream=True, timeout=_TIMEOUT_S) as response:
            self._refuse_error(response.status_code)
            if response.status_code != requests.codes.partial_content:
                self._discard()
                received = 0
            with self._partial.open("ab") as file:
                for chunk in response.iter_content(_CHUNK_BYTES):
                    if self._stop.is_set():
                        return
                    file.write(chunk)
                    received += len(chunk)
                    self._count_up_to(received)
                    if received > self._artifact.size:
                        return
        if received < self._artifact.size:
            raise _Unfinished(f"the connection ended after {received} of {self._artifact.size} bytes")

    def _refuse_error(self, status: int) -> None:
        if status == requests.codes.range_not_satisfiable:
            self._discard()
            raise _Unfinished("the repository refused to go on where the last attempt ended")
        if status >= 500 or status == requests.codes.too_many_requests:
            raise _Unfinished(f"HTTP {status}")
        if status >= 400:
            raise StackError(f"{self._url} answered HTTP {status} ({_MIRROR_HINT})")

    def _count_up_to(self, size: int) -> None:
        self._progress.fetched(size - self._counted)
        self._counted = size

    def _discard(self) -> None:
        self._partial.unlink(missing_ok=True)
        self._count_up_to(0)

    def _unreachable(self, error: Exception) -> StackError:
        reason = "no connection" if isinstance(error, requests.ConnectionError) else str(error)
        return StackError(
            f"cannot fetch {self._artifact.file_name} from {self._repository}: {reason} after {ATTEMPTS} attempts; "
            f"the first start needs the network ({_MIRROR_HINT})"
        )

    def _wrong_checksum(self, digest: str) -> StackError:
        return StackError(
            f"{self._url}: wrong checksum, expected sha256 {self._artifact.sha256}, got {digest}; "
            f"nothing was kept ({_MIRROR_HINT})"
        )


_MIRROR_HINT = "ONEFOLD_MAVEN_URL names another repository"
