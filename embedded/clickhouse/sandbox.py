"""The kernel's own wall around the gateway (Landlock): what gets past the reading of SQL reaches no file and no server.

Linux 5.13 and later; elsewhere there is none, and `confine` says so. https://docs.kernel.org/userspace-api/landlock.html
"""

import ctypes
import os
import struct
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every processor
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38
_NETWORK_SINCE, _TRUNCATE_SINCE, _REFER_SINCE, _DEVICES_SINCE = 4, 3, 2, 5

_READ = 1 << 2 | 1 << 3  # files and folders
_ALL_SINCE_1 = (1 << 13) - 1
_REFER, _TRUNCATE, _DEVICES = 1 << 13, 1 << 14, 1 << 15
_WRITE_FILE = 1 << 1
_OF_FILES = 1 << 0 | 1 << 1 | 1 << 2 | _TRUNCATE | _DEVICES
_EXECUTE = 1 << 0
_CONNECT_TCP = 1 << 1

# What the C library, Python and the engine read of the system. What /proc tells of
# other processes stays shut.
_SYSTEM = (
    *("/usr", "/lib", "/lib64", "/bin", "/sys/fs/cgroup", "/sys/devices/system", "/proc/self"),
    *("/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/proc/loadavg", "/proc/mounts", "/proc/sys"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/timezone", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf"),
)
_DEVICE_FILES = ("/dev/null", "/dev/urandom", "/dev/random", "/dev/zero")


def confine(folder: Path, *, files: bool = True, network: bool = True) -> bool:
    """Let this thread, and all that it starts, write below `folder` only, read what programs need, and run nothing.

    `files` and `network` False leave these open. To be called before any other thread starts. Returns whether the
    kernel does it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG) if sys.platform == "linux" else -1
    if version < 1 or not (files or network):
        return False
    handled = _handled(version) if files else 0
    calls = _CONNECT_TCP if network and version >= _NETWORK_SINCE else 0
    attributes = struct.pack("=QQ", handled, calls)[: 16 if version >= _NETWORK_SINCE else 8]
    ruleset = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    try:
        if files:
            _allow(libc, ruleset, [folder], handled & ~_EXECUTE)
            _allow(libc, ruleset, map(Path, _DEVICE_FILES), _READ | _WRITE_FILE)
            _allow(libc, ruleset, [*map(Path, _SYSTEM), *_python()], _READ)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _handled(version: int) -> int:
    handled = _ALL_SINCE_1
    for since, right in ((_REFER_SINCE, _REFER), (_TRUNCATE_SINCE, _TRUNCATE), (_DEVICES_SINCE, _DEVICES)):
        if version >= since:
            handled |= right
    return handled


def _python() -> set[Path]:
    """Return where Python and its packages lie: not all of `sys.path`, as a checkout may hold a stack's secrets."""
    named = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    rooms = Path(__file__).resolve().parents[2]
    own = {rooms / "embedded", rooms / "warehouse"}
    return {Path(path) for path in named} | {Path(sys.base_prefix) / "lib"} | own


def _allow(libc: ctypes.CDLL, ruleset: int, paths: Iterable[Path], rights: int) -> None:
    """Add a rule for each path; what does not exist needs none."""
    for path in paths:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            wanted = rights if path.is_dir() else rights & _OF_FILES
            libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, struct.pack("=Qi", wanted, descriptor), 0)
        finally:
            os.close(descriptor)
