"""Which threads go first where there are fewer cores than work: the event loop, which has little to do and all to answer."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

NICE = 5  # a third of the weight of a thread of nice 0


def give_way() -> None:
    """Let this thread, and what it starts from now on, give way to threads that have not done so. For the initializer of a pool.

    Linux has a nice value for each thread; elsewhere nothing is done.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, max(NICE, os.getpriority(os.PRIO_PROCESS, thread)))  # root may lower one, too
