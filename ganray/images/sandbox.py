"""Run a function over many images in a child process that may crash, hang or run out of memory without harm to its caller.

The child has caps on memory, CPU time per image and open files, cannot write files, and does not inherit credentials from the environment.
The protocol is lengths, JSON and bytes: the parent unpickles nothing. A child lives as long as its owner: its start takes about 0.3 s.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from ganray.errors import ClusterError, ImageError

MEMORY_BYTES = 2 << 30
START_SECONDS = 60.0
PIPE_BYTES = 1 << 20
COLLECT_SECONDS = 0.008  # results of a batch are read this often: parent and child share a core, and to wake the parent for each costs both
LAST = 8  # the last results of a batch, which are read at once
SMALL_SHARE = 16  # a pipe holds at least so many results, else they are read at once: a child must not wait for its parent to wake
READY = b"ready"
# variables that the child inherits
ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONUTF8", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")

Result = tuple[bytes, dict[str, Any]]


class Sandbox:
    """`function` is "module:name" of `(data: bytes, **options) -> (bytes, JSON-able dict)` that may raise ImageError.

    Each image gets `cpu_seconds` of CPU time and `wall_seconds` of wall time, and the child `memory_bytes` of address space.
    """

    def __init__(
        self,
        function: str,
        options: dict[str, Any],
        cpu_seconds: int = 10,
        wall_seconds: float = 60.0,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._task = json.dumps([function, options, cpu_seconds, memory_bytes])
        self._cpu_seconds = cpu_seconds
        self._wall_seconds = wall_seconds
        self._start()

    def map(self, batch: Sequence[bytes]) -> Iterator[Result | ImageError]:
        """The result or the ImageError of each image, in order; a dead child is replaced. An image whose child was killed (SIGKILL) is
        done again, once.

        Raises ClusterError when no child can be started.
        """
        done, retried, small = 0, -1, False
        while done < len(batch):
            self._await_ready()
            try:
                self._send(batch[done:])
                while done < len(batch):
                    result = self._receive(COLLECT_SECONDS if len(batch) - done > LAST and small else 0.0)
                    small = self._large_pipe and not isinstance(result, ImageError) and len(result[0]) * SMALL_SHARE < PIPE_BYTES
                    yield result
                    done += 1
            except ImageError as error:
                killed = self._child.returncode == -signal.SIGKILL
                self._restart()
                if killed and retried != done:  # from outside, for example for want of memory: it need not be this image's fault
                    retried = done
                    continue
                done += 1
                yield error
            except GeneratorExit:  # the child still sends results that nobody will read
                self._restart()
                raise

    def close(self) -> None:
        """End the child; also done when the sandbox is garbage collected, and at exit."""
        self._finalizer()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _restart(self) -> None:
        self.close()
        self._start()

    def _start(self) -> None:
        environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        environment |= {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "ganray.images.sandbox", self._task]
        pipe = subprocess.PIPE
        self._child, self._received, self._ready = (
            subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment, bufsize=0),
            bytearray(),  # grows in place: a large image arrives in hundreds of parts
            False,
        )
        self._finalizer = weakref.finalize(self, _kill, self._child, os.getpid())
        for end in (self._child.stdin, self._child.stdout):
            assert end is not None
            with contextlib.suppress(OSError):  # larger pipes need fewer context switches; a system limit may forbid them
                fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        assert self._child.stdout is not None
        self._large_pipe = fcntl.fcntl(self._child.stdout, fcntl.F_GETPIPE_SZ) >= PIPE_BYTES

    def _await_ready(self) -> None:
        if self._ready:
            return
        try:
            self._ready = self._read(len(READY), time.monotonic() + START_SECONDS) == READY
        except ImageError as error:
            self.close()
            raise ClusterError(f"the image decoder does not start: {error}", "Run `python -m ganray.images.sandbox` to see why") from error

    def _send(self, batch: Sequence[bytes]) -> None:
        assert self._child.stdin is not None
        lengths = struct.pack(f"<I{len(batch)}I", len(batch), *map(len, batch))
        with contextlib.suppress(BrokenPipeError):  # the next read reports how the child ended
            for part in (lengths, *batch):
                view = memoryview(part)
                while view:
                    view = view[self._child.stdin.write(view) :]

    def _receive(self, pause: float) -> Result | ImageError:
        """The next result. If it has not come yet, wait `pause` seconds more once bytes arrive, so that one read takes several results."""
        deadline = time.monotonic() + self._wall_seconds
        header, body = struct.unpack("<II", self._read(8, deadline, pause))
        note = json.loads(self._read(header, deadline))
        data = self._read(body, deadline)
        return ImageError(*note["error"]) if "error" in note else (data, note)

    def _read(self, length: int, deadline: float, pause: float = 0.0) -> bytes:
        assert self._child.stdout is not None
        descriptor = self._child.stdout.fileno()
        while len(self._received) < length:
            if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise ImageError("timeout", f"decoding took over {self._wall_seconds:g} s")
            if pause:
                time.sleep(pause)
            part = os.read(descriptor, PIPE_BYTES)
            if not part:
                raise self._exit_error()
            self._received += part
        with memoryview(self._received) as view:
            data = bytes(view[:length])
        del self._received[:length]
        return data

    def _exit_error(self) -> ImageError:
        code = self._child.wait()
        if code == -signal.SIGXCPU:
            return ImageError("timeout", f"decoding took over {self._cpu_seconds} s of CPU time")
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return ImageError("crashed", f"the decoder ended with {how}")


def _kill(child: subprocess.Popen[bytes], owner: int) -> None:
    """End the child, but in a fork of its owner: there it is no child, it lives on, and waiting for its end would be for ever."""
    if os.getpid() == owner:
        child.kill()
        child.communicate()


def serve(task: str, source: BinaryIO, sink: BinaryIO) -> None:
    """The main loop of the child: read batches from `source` until it ends, write a result for each image to `sink`."""
    name, options, cpu_seconds, memory_bytes = json.loads(task)
    _confine(memory_bytes)
    module, _, function = name.partition(":")
    work = getattr(importlib.import_module(module), function)
    sink.write(READY)
    sink.flush()
    while count := source.read(4):
        (num,) = struct.unpack("<I", count)
        lengths = struct.unpack(f"<{num}I", source.read(4 * num))
        batch = [source.read(length) for length in lengths]  # read completely first: otherwise both processes could block on full pipes
        for data in batch:
            _allow_seconds(cpu_seconds)
            try:
                body, note = work(data, **options)
            except ImageError as error:
                body, note = b"", {"error": [error.reason, error.message, error.remedy]}
            header = json.dumps(note).encode()
            sink.write(struct.pack("<II", len(header), len(body)) + header)
            sink.write(body)  # by itself: a copy of a large image is hundreds of megabytes
            sink.flush()


def _confine(memory_bytes: int) -> None:
    caps = [(resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_NOFILE, 64)]
    for kind, cap in caps:
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (cap if hard == resource.RLIM_INFINITY else min(cap, hard), hard))


def _allow_seconds(seconds: int) -> None:
    """Set a limit on CPU time from now on; the kernel ends the process beyond it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + seconds, hard))


def _main() -> None:
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of C libraries must not mix with the results
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and closes our input
    serve(sys.argv[1], sys.stdin.buffer, sink)


if __name__ == "__main__":
    _main()
