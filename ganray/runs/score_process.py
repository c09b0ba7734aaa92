"""The process that scores a run whose worker is in this process: `python -m ganray.runs.score_process NICENESS`, a child with low priority.

The parent writes pickles to the child's input: first (config, info, threads), then (weights, num_images) for each score. The child writes
pickles to its output: messages for the run's mailbox, and a `Verdict` for each score. It ends when its input does.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from ganray.config import TrainConfig
from ganray.evaluation.run_scores import RunScorer, Weights
from ganray.model_folder import ModelInfo
from ganray.runs.mailbox import Mailbox
from ganray.runs.messages import Note, Score
from ganray.runs.scoring import NICENESS, ScorerGone, Verdict


class ScoreProcess:
    """The parent's side, a `Scorer`. Two threads read and write, so that `submit` never waits for the child."""

    def __init__(self, config: TrainConfig, info: ModelInfo, threads: int, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._outgoing: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._pending, self._gone = 0, False
        self._verdict = Verdict("", None)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, "-m", "ganray.runs.score_process", str(NICENESS)]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self._outgoing.put((config, info, threads))
        self._threads = [threading.Thread(target=work, name="scores", daemon=True) for work in (self._write, self._read)]
        for thread in self._threads:
            thread.start()

    def submit(self, weights: Weights, num_images: int) -> None:
        """See `Scorer`."""
        with self._changed:
            self._pending += 1
        self._outgoing.put(({name: value.copy() for name, value in weights.items()}, num_images))  # training changes them in place

    def poll(self) -> Verdict | None:
        """See `Scorer`."""
        with self._changed:
            if self._gone:
                raise ScorerGone
            return None if self._pending else self._verdict

    def wait(self) -> Verdict:
        """See `Scorer`. Nobody trains meanwhile: where the system lets a process have its priority back, the child has it."""
        _restore_priority(self._child.pid)
        with self._changed:
            self._changed.wait_for(lambda: self._gone or not self._pending)
            if self._gone:
                raise ScorerGone
            return self._verdict

    def close(self) -> None:
        """See `Scorer`."""
        self._child.kill()
        self._child.wait()
        self._outgoing.put(None)
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        assert self._child.stdin is not None
        with contextlib.suppress(OSError), self._child.stdin as sink:  # the reader notices the end of the child
            while (item := self._outgoing.get()) is not None:
                pickle.dump(item, sink)
                sink.flush()

    def _read(self) -> None:
        assert self._child.stdout is not None
        with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError), self._child.stdout as source:
            while True:
                self._take(pickle.load(source))
        with self._changed:
            self._gone = True
            self._changed.notify_all()

    def _take(self, item: Score | Note | Verdict) -> None:
        if not isinstance(item, Verdict):
            self._mailbox.send(item)
            return
        with self._changed:
            self._verdict, self._pending = item, self._pending - 1
            self._changed.notify_all()


def _restore_priority(pid: int) -> None:
    """Give every thread of a process this one's priority, which only root may do: else a busy machine starves what is waited for."""
    own = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(thread.name), own)


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """The child's side: score until `source` ends."""

    def answer(item: Score | Note | Verdict) -> None:
        pickle.dump(item, sink)
        sink.flush()

    config, info, threads = pickle.load(source)
    scorer = RunScorer(config, info, threads, lambda row: answer(Score(row)), lambda text: answer(Note(text)))
    scorer.prepare()
    with contextlib.suppress(EOFError):
        while True:
            collapse = scorer.score(*pickle.load(source))
            answer(Verdict(collapse, scorer.best()))


def _main() -> None:
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of libraries must not mix with the answers
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process of a terminal; the parent ends this one
    os.nice(int(sys.argv[1]))
    with contextlib.suppress(EOFError, BrokenPipeError):
        serve(sys.stdin.buffer, sink)


if __name__ == "__main__":
    _main()
