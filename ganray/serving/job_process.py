"""The process of a job: `python -m ganray.serving.job_process JOBS TENANT ID` runs the verb, and writes down how it ended.

The verb is a process of its own, by its command line: this one outlives it and can say that it was killed. On the command line are names
alone. With --attached it ends when its standard input does, which is when the server that has started it is gone.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

from ganray import errors
from ganray.errors import GanrayError
from ganray.serving.job_store import CONFIG, Ended, JobRecord, JobStore, tenant_of

COMMAND = (sys.executable, "-c", "from ganray.cli import entry; entry()")
SECRETS = ("GANRAY_",)  # variables with this prefix are the server's: its keys, and settings that would win over the job's own
TAIL = 200  # lines of a verb's messages that are kept
MAX_MESSAGE = 500  # characters
NICE = 10  # beside a server whose answers are waited for
STOPPED = 128 + signal.SIGTERM
KILL_S = 8.0  # after SIGTERM
ATTACHED = "--attached"


def main(argv: Sequence[str]) -> int:
    """Run a job; the exit code is the verb's."""
    url, folder, id, *options = argv
    store = JobStore(url)
    record = store.record(tenant_of(folder), id)
    if store.ended(record) is not None:  # cancelled while it was queued
        return 0
    store.note(record, JobStore.started, {"at": time.time()})
    with tempfile.TemporaryDirectory(prefix="ganray-job-") as scratch:
        path = Path(scratch) / CONFIG
        path.write_bytes(store.config(record))
        code, messages, stopped = _run([*COMMAND, record.kind, "--config", str(path)], ATTACHED in options)
    if stopped:  # by a signal, or with the server: the job goes on another time, or has been cancelled
        return STOPPED
    store.end(record, _ended(code, messages, _places(store, record)))
    return code


def _run(command: Sequence[str], attached: bool) -> tuple[int, list[str], bool]:
    """The verb's exit code, its last messages, and whether it was stopped from outside."""
    stopped = threading.Event()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(SECRETS)}
    if attached:
        os.nice(NICE)
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=2, stderr=subprocess.PIPE, start_new_session=True)

    def stop(number: int = 0, frame: FrameType | None = None) -> None:
        """End the verb, and what it has started."""
        stopped.set()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            threading.Thread(target=kill, daemon=True).start()

    def kill() -> None:
        """A verb that does not end must not outlive this process."""
        with contextlib.suppress(ProcessLookupError):
            try:
                process.wait(KILL_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)

    def watch() -> None:
        os.read(0, 1)  # not sys.stdin, whose lock would abort this process at its end
        stop()

    signal.signal(signal.SIGTERM, stop)
    if attached:
        threading.Thread(target=watch, daemon=True).start()
    messages = deque[str](maxlen=TAIL)
    assert process.stderr is not None
    with process.stderr:
        for line in process.stderr:
            text = line.decode(errors="replace")
            sys.stderr.write(text)
            messages.append(text.rstrip("\n"))
    return process.wait(), list(messages), stopped.is_set()


def _ended(code: int, messages: Sequence[str], places: Mapping[str, str]) -> Ended:
    """How a verb ended that was not stopped."""
    now = time.time()
    if code == 0:
        return Ended("succeeded", now)
    if code < 0:
        name = signal.Signals(-code).name
        return Ended("failed", now, "crashed", f"it was ended by {name}: perhaps its machine has too little memory")
    found = [line for line in messages if re.match(r"ganray \w+: error: ", line)]
    message = found[-1].partition(": error: ")[2] if found else "it failed unexpectedly: see the server's log"
    for url, name in places.items():
        message = message.replace(url, name)
    return Ended("failed", now, _code_of(code) if found else "failed", message[:MAX_MESSAGE])


def _places(store: JobStore, record: JobRecord) -> dict[str, str]:
    """The operator's URLs in messages, and what is told in place of them; the longest first."""
    config: dict[str, Any] = yaml.safe_load(store.config(record))
    names = {config.get(name, ""): name.upper() for name in ("model", "networks", "source", "requests", "out")}
    names[store.url] = "JOBS"
    return {url: names[url] for url in sorted(filter(None, names), key=len, reverse=True)}


def _code_of(exit_code: int) -> str:
    """The word of the error that has this exit code; of a tree of errors, that of its root."""
    kinds: list[type[GanrayError]] = [kind for kind in vars(errors).values() if isinstance(kind, type) and GanrayError in kind.__bases__]
    return next((kind.code for kind in kinds if kind.exit_code == exit_code), "failed")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
