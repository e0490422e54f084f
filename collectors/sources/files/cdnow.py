"""The CDNOW data set, taken out of a wheel of the package index by pip, so that its mirrors and proxies count.

`lifetimes` is never installed. https://pypi.org/project/Lifetimes/0.11.3/
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

MAPPING = Path(__file__).resolve().parents[3] / "examples" / "mappings" / "cdnow.yaml"

_REQUIREMENT = "lifetimes==0.11.3"
_WHEEL_SHA256 = "261e3dc89977c2b60767ca6728aaa29d429de0c814635070a749c36555895da8"
_MEMBER = "lifetimes/datasets/CDNOW_master.txt"
_FILE_SHA256 = "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef"


class FetchFailed(Exception):
    """The data set could not be had; the message says why."""


def fetch_cdnow(cache: Path) -> Path:
    """Return the file in the cache folder; download it, 0.6 MB, if missing or damaged. Raises FetchFailed."""
    target = cache / "cdnow" / Path(_MEMBER).name
    if target.is_file() and _sha256(target.read_bytes()) == _FILE_SHA256:
        return target
    with tempfile.TemporaryDirectory(prefix="onefold-cdnow-") as folder:
        wheel = _download(Path(folder))
        try:
            with zipfile.ZipFile(wheel) as archive:
                content = archive.read(_MEMBER)
        except (zipfile.BadZipFile, KeyError) as error:
            raise FetchFailed(f"{wheel.name} does not hold {_MEMBER}: {error}") from None
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(target)
    return target


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), _REQUIREMENT]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    wheels = list(folder.glob("*.whl"))
    if ended.returncode != 0 or len(wheels) != 1:
        said = ended.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise FetchFailed(f"pip could not download {_REQUIREMENT}: {said[0]}")
    digest = _sha256(wheels[0].read_bytes())
    if digest != _WHEEL_SHA256:
        raise FetchFailed(f"{wheels[0].name} has the SHA-256 {digest}, expected {_WHEEL_SHA256}")
    return wheels[0]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
