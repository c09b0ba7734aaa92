"""Run a target on mutated files in a child process, and apply the rules.

A finding is an input for which the target raises anything but an error of ganray's own, ends its process, takes over CPU_SECONDS of CPU
time or WALL_SECONDS, or needs over MEMORY_BYTES. CPU time, because neighbours on the machine stretch the time on the wall. Findings with
one exception and one place in the code are one.
"""

from __future__ import annotations

import faulthandler
import mmap
import multiprocessing
import multiprocessing.connection
import resource
import struct
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from ganray.errors import GanrayError
from tests.fuzz.mutations import MAX_BYTES, mutated

CPU_SECONDS, WALL_SECONDS, MEMORY_BYTES = 2.0, 300.0, 1 << 30
ROUND = 50  # examples between two looks at the clock of hypothesis' own
HEADER = struct.Struct("<dQ")  # when the input in progress was begun (0: none), and its length

Check = Callable[[bytes], object]


@dataclass(frozen=True)
class Target:
    """`prepare` makes, in the child, the function to try and its seeds; `tokens` are words of the language of the files."""

    prepare: Callable[[], tuple[Check, Sequence[bytes]]]
    tokens: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What broke a rule, where, and the input."""

    rule: str
    detail: str
    data: bytes


@dataclass
class Report:
    """How many inputs were tried, and one finding for each place that broke a rule."""

    executions: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        if finding.rule not in {known.rule for known in self.findings}:
            self.findings.append(finding)


def fuzz(target: Target, seconds: float, first_seed: int = 0) -> Report:
    """Try mutated inputs for so many seconds of a child's CPU time. A child that ends is replaced by one with the next seed."""
    context, report = multiprocessing.get_context("fork"), Report()
    left, number = seconds, first_seed
    while left > 0:
        began = time.monotonic()
        shared = mmap.mmap(-1, HEADER.size + MAX_BYTES)
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_work, args=(target, left, number, shared, theirs), daemon=False)
        child.start()
        theirs.close()
        how = _watch(child, ours, shared, report)
        if how:
            begun, length = HEADER.unpack_from(shared)
            if not begun and not report.executions:
                raise RuntimeError("the target does not start; its seeds may be wrong")
            data = bytes(shared[HEADER.size : HEADER.size + length])
            report.add(Finding(how, "the process ended" if begun else "the process ended between two inputs", data))
        left = left - (time.monotonic() - began) if how else 0.0
        number += 1
    return report


def _watch(
    child: multiprocessing.process.BaseProcess, source: multiprocessing.connection.Connection, shared: mmap.mmap, report: Report
) -> str:
    """Take what the child sends until it ends; how it ended, or empty where it ended by itself."""
    executions = 0
    hung = False
    while True:
        try:
            while source.poll(0.2):
                message = source.recv()
                if isinstance(message, Finding):
                    report.add(message)
                else:
                    executions = message
        except EOFError:
            break
        begun = HEADER.unpack_from(shared)[0]
        if begun and time.monotonic() - begun > WALL_SECONDS:
            hung = True
            child.kill()
            break
    child.join()
    report.executions += executions
    if hung:
        return f"over {WALL_SECONDS:g} s"
    return f"died with {child.exitcode}" if child.exitcode else ""


def _work(target: Target, seconds: float, number: int, shared: mmap.mmap, sink: multiprocessing.connection.Connection) -> None:
    """In the child: rounds of examples until the time is up."""
    import torch

    faulthandler.disable()  # what ends the process is told by the parent
    torch.set_num_threads(1)  # threads of the parent are not there after a fork
    check, seeds = target.prepare()
    for data in seeds:  # a seed that breaks a rule by itself would be found for each of its mutations
        check(data)
    _cap_memory()
    executions, seen, begun = 0, set[str](), (0.0, 0.0)

    def is_over() -> bool:
        """Of CPU time since the first input, which neighbours do not take; ten times as long on the wall for a target that waits."""
        return executions > 0 and (time.process_time() - begun[0] > seconds or time.monotonic() - begun[1] > 10 * seconds)

    def one(data: bytes) -> None:
        nonlocal executions, begun
        if is_over():
            return
        begun = begun if executions else (time.process_time(), time.monotonic())
        shared[HEADER.size : HEADER.size + len(data)] = data
        HEADER.pack_into(shared, 0, time.monotonic(), len(data))
        finding = judge(check, data)
        HEADER.pack_into(shared, 0, 0.0, len(data))
        executions += 1
        if finding and finding.rule not in seen:
            seen.add(finding.rule)
            sink.send(finding)
        if executions % 20 == 0:
            sink.send(executions)

    while not is_over():
        number += 1000
        quiet = settings(max_examples=ROUND, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        seed(number)(quiet(given(mutated(seeds, target.tokens))(one)))()
    sink.send(executions)


def judge(check: Check, data: bytes) -> Finding | None:
    """Try one input; the finding if it breaks a rule."""
    _reset_peak()
    before, began = _peak_bytes(), time.process_time()
    try:
        check(data)
    except GanrayError:
        pass
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a panic of Rust is no Exception
        return Finding(_place(error), "".join(traceback.format_exception(error, limit=-6)), data)
    spent, grown = time.process_time() - began, _peak_bytes() - before
    if grown > MEMORY_BYTES:  # first: to take that much costs seconds on some machines
        return Finding(f"over {MEMORY_BYTES >> 20} MiB", f"{grown >> 20} MiB", data)
    if spent > CPU_SECONDS:
        return Finding(f"over {CPU_SECONDS:g} s of CPU time", f"{spent:.1f} s", data)
    return None


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/ganray/" in frame.filename] or list(frames)
    return f"{type(error).__name__} at {Path(own[-1].filename).name}:{own[-1].lineno}" if own else type(error).__name__


def _reset_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # not allowed in every container: then the peak is that of all inputs so far
        return


def _peak_bytes() -> int:
    """The peak of resident memory since it was last reset."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return 0


def _cap_memory() -> None:
    """An input that asks for much more than a rule allows gets a MemoryError, not the machine's memory."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (size + 3 * MEMORY_BYTES, hard))
