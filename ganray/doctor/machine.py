"""Everything that is looked at on one machine: this one, or each node of a cluster."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from ganray.doctor.cards import Cards, read_cards
from ganray.doctor.compiler import compiler_findings, read_compiler
from ganray.doctor.disk import TemporaryFolder, disk_findings, open_files_findings
from ganray.doctor.finding import Finding
from ganray.doctor.gpus import gpu_findings
from ganray.doctor.memory import LIMIT_FILES, Memory, gib, memory_findings, parse_memory, shared_memory_findings
from ganray.doctor.processors import parse_cpuinfo, processor_findings
from ganray.doctor.software import extras, extras_findings, software_versions, version_findings
from ganray.doctor.stores import Probe, seen_from_here
from ganray.doctor.torch_build import read_torch_build
from ganray.errors import ClusterError
from ganray.execution.resources import cores
from ganray.execution.session_folder import session_folder


@dataclass(frozen=True)
class Examination:
    """A machine: its name, what it has in a few words, its versions and extras, the lines, and how many GPUs it has."""

    host: str
    summary: str
    versions: dict[str, str]
    extras: dict[str, bool] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    gpus: int = 0


def examine(probe: Probe | None = None, on_node: bool = False) -> Examination:
    """Look at the machine of this process. On a node of a cluster: with all its GPUs, and at the store that the command has written to."""
    memory = parse_memory(_text("/proc/meminfo"), {path: _text(path) for path in LIMIT_FILES})
    cards = read_cards()
    torch = read_torch_build(ask_driver=cards.how != "hung", every_gpu=on_node)
    versions, has = software_versions(), extras()
    shm = shutil.disk_usage("/dev/shm") if Path("/dev/shm").is_dir() else None
    findings = [
        *processor_findings(parse_cpuinfo(_text("/proc/cpuinfo")), cores()),
        *memory_findings(memory),
        *gpu_findings(cards, torch),
        *compiler_findings(read_compiler(), len(cards.cards)),
        *shared_memory_findings(shm.total if shm else 0, shm.free if shm else 0, memory, len(cards.cards)),
        *disk_findings(read_temporary_folder()),
        *open_files_findings(*resource.getrlimit(resource.RLIMIT_NOFILE)),
        *version_findings(versions),
        *extras_findings(has),
        *(seen_from_here(probe) if probe else ()),
    ]
    return Examination(socket.gethostname(), summarize(cores(), memory, cards), versions, has, tuple(findings), len(cards.cards))


def summarize(num_cores: int, memory: Memory, cards: Cards) -> str:
    """A machine in a few words."""
    names = [card.name for card in cards.cards]
    gpus = ", ".join(f"{names.count(name)} x {name}" for name in dict.fromkeys(names)) or "no GPU"
    return f"{num_cores} cores, {gib(memory.usable)}, {gpus}"


def read_temporary_folder() -> TemporaryFolder:
    """Look at the folder of temporary files, with one small file, and at Ray's, which is made where it is absent, as by any command."""
    path = os.environ.get("TMPDIR") or "/tmp"
    size = free = 0
    error = ""
    try:
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"ganray")
            file.flush()
        size, _, free = shutil.disk_usage(path)
    except OSError as reason:
        error = reason.strerror or str(reason)
        if not os.environ.get("RAY_TMPDIR"):
            return TemporaryFolder(path, error=error)
    default = str(Path(os.environ.get("RAY_TMPDIR") or path).absolute() / "ray")
    try:
        return TemporaryFolder(path, size, free, error, session_folder(), default)
    except ClusterError as reason:
        return TemporaryFolder(path, size, free, error, default=default, sockets_error=reason.message)


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
