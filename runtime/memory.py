"""How a process that folds or delivers uses memory; measured in docs/performance.md."""

import ctypes
import gc

M_ARENA_MAX = -8  # https://man7.org/linux/man-pages/man3/mallopt.3.html


def tune_memory() -> None:
    """Let the collector look for cycles seldom: a batch makes many objects, and hardly any of them is part of one.

    Let the C library keep two heaps, not eight for each core: with some forty threads those cost 100 MB.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 1_000)
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # GNU's
        libc.mallopt(M_ARENA_MAX, 2)
