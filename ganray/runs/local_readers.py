"""Reads windows ahead of a worker in threads of its own process: fetching and decoding release the interpreter's lock."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from ganray.catalog.order import Window
from ganray.catalog.windows import Source, read_window
from ganray.runs.batches import Rows
from ganray.storage.retry import retry_while_unavailable


def read_ahead(source: Source, threads: int, say: Callable[[str], None], windows: Iterator[Window]) -> Generator[Rows, None, None]:
    """The rows of `windows`, in order. At most `data.prefetch` windows are read before they are taken, so memory is bounded by that.

    `say` gets a line when a store makes the readers wait.
    """

    def read(window: Window) -> Rows:
        return retry_while_unavailable(partial(read_window, source, window), f"reading {source.url}", say)

    pool = ThreadPoolExecutor(threads, "reader")
    pending: deque[Future[Rows]] = deque()
    try:
        for window in itertools.islice(windows, max(threads, source.data.prefetch)):
            pending.append(pool.submit(read, window))
        while pending:
            rows = pending.popleft().result()
            pending.extend(pool.submit(read, window) for window in itertools.islice(windows, 1))
            yield rows
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
