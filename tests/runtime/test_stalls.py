import os
import subprocess
import sys
import time
from pathlib import Path

from runtime.stalls import SIGNAL
from tests.support.waiting import wait_until

_STANDS_STILL = """
import asyncio, threading
from runtime import logs

async def wait_for_what_never_comes():
    await asyncio.Event().wait()

async def main():
    asyncio.create_task(wait_for_what_never_comes())
    await asyncio.sleep(0)
    print("waits", flush=True)
    await asyncio.sleep(60)

logs.configure()
threading.Thread(target=lambda: asyncio.run(wait_for_what_never_comes()), daemon=True).start()
asyncio.run(main())
"""


def test_a_process_that_stands_still_says_what_its_threads_and_tasks_wait_for(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with output.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", _STANDS_STILL], stdout=file, stderr=file)
    try:
        wait_until(lambda: "waits" in output.read_text(), "the process to wait")

        def has_told() -> bool:
            os.kill(process.pid, SIGNAL)  # once more each time: a thread may not have come to its wait before
            return output.read_text().count("in wait_for_what_never_comes") >= 2

        wait_until(has_told, "its tasks to be printed")
        assert "Current thread" in output.read_text()
        time.sleep(0.05)
        assert process.poll() is None, "it did not go on"
    finally:
        process.kill()
        process.wait()
