"""Runs jobs on the server's own machine: one at a time, in order, each a child process with `--executor local`.

Jobs are written down in the store before they come here: the queue itself need not outlive the server.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import deque

from ganray.serving.job_keeper import RunState
from ganray.serving.job_process import ATTACHED
from ganray.serving.job_store import JobRecord, folder_of

END_S = 10.0  # for a process to end after SIGTERM


class LocalJobs:
    """A runner whose jobs live in this process and end with it; see JobRunner."""

    executor = "local"

    def __init__(self, url: str) -> None:
        """Of the jobs under this URL."""
        self._url = url
        self._lock = threading.Lock()
        self._waiting, self._gone = deque[JobRecord](), set[str]()
        self._running: tuple[JobRecord, subprocess.Popen[bytes]] | None = None
        self._closed = False

    def submit(self, record: JobRecord) -> None:
        """Queue a job; see JobRunner."""
        with self._lock:
            if self._state(record) == "absent" and not self._closed:
                self._waiting.append(record)
                self._next()

    def state(self, record: JobRecord) -> RunState:
        """What has become of a job; see JobRunner. Also starts the next one, where a process has ended."""
        with self._lock:
            self._next()
            return self._state(record)

    def cancel(self, record: JobRecord) -> None:
        """Take a job out of the queue, or end its process; see JobRunner."""
        with self._lock:
            self._waiting = deque(job for job in self._waiting if job.id != record.id)
            if self._running and self._running[0].id == record.id:
                self._running[1].terminate()

    def close(self) -> None:
        """End the job that runs, and start none; see JobRunner."""
        with self._lock:
            self._closed, running = True, self._running
        if running:
            running[1].terminate()
            try:
                running[1].wait(END_S)
            except subprocess.TimeoutExpired:
                running[1].kill()
                running[1].wait()
            _close(running[1])

    def _state(self, record: JobRecord) -> RunState:
        if self._running and self._running[0].id == record.id:
            return "running"
        if record.id in self._gone:
            return "gone"
        return "queued" if any(job.id == record.id for job in self._waiting) else "absent"

    def _next(self) -> None:
        """Start the next job, if none runs."""
        if self._running and self._running[1].poll() is not None:
            _close(self._running[1])
            self._gone.add(self._running[0].id)
            self._running = None
        if self._running is None and self._waiting and not self._closed:
            record = self._waiting.popleft()
            self._running = record, self._start(record)

    def _start(self, record: JobRecord) -> subprocess.Popen[bytes]:
        words = [self._url, folder_of(record.tenant), record.id, ATTACHED]
        # The pipe is never written to: it ends when this process does, however that comes about.
        return subprocess.Popen([sys.executable, "-m", "ganray.serving.job_process", *words], stdin=subprocess.PIPE, start_new_session=True)


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        process.stdin.close()
