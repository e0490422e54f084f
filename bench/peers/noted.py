"""What a peer has folded: noted record by record, written to a file of the run's folder whenever it falls idle."""

import json
import os
import threading
import time
from pathlib import Path

from given import RESULTS  # type: ignore[import-not-found]  # runs as a script, beside `given.py`

IDLE_S = 2.0


class Noted:
    """Of one process, or of one worker thread in it."""

    def __init__(self) -> None:
        self._records = 0
        self._first_at = self._last_at = 0.0
        self._counts: dict[str, int] = {}

    def note(self, key: str, n: int) -> None:
        """Note that a record was folded; its key has `n` of them now."""
        self._last_at = time.time()
        if not self._records:
            self._first_at = self._last_at
            threading.Thread(target=self._watch, daemon=True).start()
        self._records += 1
        self._counts[key] = n

    def _watch(self) -> None:
        written = 0
        while True:
            time.sleep(0.25)
            if self._records != written and time.time() - self._last_at > IDLE_S:
                written = self._records
                self._write()

    def _write(self) -> None:
        path = Path(RESULTS) / f"{os.getpid()}-{id(self)}.json"
        seen = {"records": self._records, "first_at": self._first_at, "last_at": self._last_at, "counts": self._counts}
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(seen))
        partial.replace(path)
