"""Run a program that may be absent, fail, hang or print garbage."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from tempfile import TemporaryFile

KILL_S = 2.0  # for a killed process to go; one that waits in the kernel for a broken device never does, and is left
MOST = 1 << 20  # bytes of output that are read


@dataclass(frozen=True)
class ProgramOutput:
    """How a program ended (`code` is None where it did not end in time), and what it printed on stdout and stderr together."""

    code: int | None
    text: str


def run_program(argv: Sequence[str], limit_s: float, env: Mapping[str, str] | None = None) -> ProgramOutput | None:
    """Run a program without input; None where it cannot be started. Never takes longer than `limit_s` and KILL_S.

    Output goes to a file: a pipe would stay open as long as any child of a hung program lives.
    """
    with TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=env, start_new_session=True
            )
        except OSError:
            return None
        try:
            code: int | None = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if process.poll() is None:
                _end(process)
        output.seek(0)
        return ProgramOutput(code, output.read(MOST).decode(errors="replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a program and what it has started, and do not wait for what cannot be killed."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(KILL_S)
    if process.returncode is None:
        process.returncode = -signal.SIGKILL  # or Python warns of it, and polls for it for ever
