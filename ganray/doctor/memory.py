"""Memory that there is, the container's limit of it, and /dev/shm, in which Ray's object store and NCCL's buffers lie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ganray.doctor.finding import Finding, note, ok, problem

GIB = 1 << 30
LEAST = 2 * GIB  # a process with torch takes half a gibibyte, a Ray node about one
FEW = 4 * GIB
RAY_SHARE = 0.3  # of memory: Ray's default for its object store
NCCL_SHARED = 1 * GIB  # Docker's default are 64 MiB, with which collectives on several GPUs fail
LIMIT_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of version 2 and 1


@dataclass(frozen=True)
class Memory:
    """Bytes: of the machine, available now, and what the container allows (0: no limit)."""

    total: int
    available: int
    limit: int = 0

    @property
    def usable(self) -> int:
        """What a process can have at most."""
        return min(self.total, self.limit) if self.limit else self.total


def parse_memory(meminfo: str, limit_texts: Mapping[str, str]) -> Memory:
    """From /proc/meminfo and those of LIMIT_FILES that can be read; a limit above the machine's memory is none."""
    kib = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB", meminfo, re.M)}
    total = kib.get("MemTotal", 0) << 10
    limits = [int(text) for text in limit_texts.values() if text.strip().isdecimal()]
    limit = min((each for each in limits if each < total), default=0)
    return Memory(total, kib.get("MemAvailable", 0) << 10, limit)


def gib(size: float) -> str:
    """A number of bytes for people."""
    return f"{size / GIB:.1f} GiB" if size < 100 * GIB else f"{size / GIB:,.0f} GiB"


def memory_findings(memory: Memory) -> list[Finding]:
    """The line of the memory."""
    if not memory.total:
        return [note("memory", "/proc/meminfo cannot be read: memory is not known")]
    text = f"{gib(memory.total)}, {gib(memory.available)} available"
    text += f", this container may use {gib(memory.limit)}" if memory.limit else ", no limit"
    remedy = "Give the machine or container at least 4 GiB"
    if memory.usable < LEAST:
        return [problem("memory", f"{text}: too little for torch and Ray", remedy)]
    if memory.usable < FEW:
        return [note("memory", f"{text}: little beside torch and Ray", remedy)]
    return [ok("memory", text)]


def shared_memory_findings(size: int, free: int, memory: Memory, gpus: int) -> list[Finding]:
    """The line of /dev/shm; `size` is 0 where there is none."""
    text, remedy = f"/dev/shm {gib(size)}, {gib(free)} free", "docker run --shm-size=8g; in Kubernetes an emptyDir with medium: Memory"
    if gpus > 1 and size < NCCL_SHARED:
        return [problem("shared memory", f"{text}: NCCL between {gpus} GPUs needs more", remedy)]
    wanted = RAY_SHARE * memory.usable
    if free < wanted:
        return [note("shared memory", f"{text}: Ray wants {gib(wanted)} there, and else uses the disk, which is slower", remedy)]
    return [ok("shared memory", text)]
