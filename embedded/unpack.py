"""Unpack a distribution into the cache, and know whether what was unpacked is still whole."""

import json
import os
import shutil
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from embedded.artifacts import Artifact
from embedded.errors import StackError
from embedded.fetch import FetchProgress, fetch, prepare_cache, sha256_of
from embedded.locks import exclusive_lock

_MANIFEST = "manifest.json"


def unpacked(artifact: Artifact, cache: Path, progress: FetchProgress) -> Path:
    """Return the folder with the files of a `tar.gz`; it is fetched and unpacked when missing or damaged.

    The archive itself is not kept: the manifest of the files' checksums stands for it. Raises StackError.
    """
    prepare_cache(cache)
    folder = cache / artifact.path.removesuffix(f".{artifact.packaging}")
    if _is_whole(folder, artifact):
        return folder
    try:
        with exclusive_lock(cache / ".unpack.lock", lambda: progress.note("another process is unpacking; waiting")):
            if not _is_whole(folder, artifact):
                _replace(folder, artifact, cache, progress)
    except (OSError, tarfile.TarError) as error:
        raise StackError(f"cannot unpack {artifact.file_name} into {folder}: {error}") from error
    return folder


def _replace(folder: Path, artifact: Artifact, cache: Path, progress: FetchProgress) -> None:
    (archive,) = fetch([artifact], cache, progress)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(partial, filter="data")
    files = [path for path in sorted(partial.rglob("*")) if path.is_file()]
    checksums = {str(path.relative_to(partial)): sha256_of(path) for path in files}
    (partial / _MANIFEST).write_text(json.dumps({"archive": artifact.sha256, "files": checksums}), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    archive.unlink()


def _is_whole(folder: Path, artifact: Artifact) -> bool:
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        if manifest["archive"] != artifact.sha256:
            return False
        checksums: dict[str, str] = manifest["files"]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            digests = pool.map(lambda name: sha256_of(folder / name), checksums)
            return all(digest == expected for digest, expected in zip(digests, checksums.values(), strict=True))
    except (OSError, ValueError, KeyError):
        return False
