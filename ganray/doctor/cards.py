"""GPUs and their driver, as nvidia-smi tells them. No CUDA is started for it: that would take memory of each card."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ganray.doctor.programs import ProgramOutput, run_program

LIMIT_S = 20.0  # without persistence mode a machine of eight cards takes ten
FIELDS = ("index", "name", "memory.total", "driver_version", "compute_cap", "mig.mode.current")
OLD_FIELDS = FIELDS[:4]  # those that drivers before 510 know
UNKNOWN_FIELD = "is not a valid field to query"
NVIDIA, DISPLAY = "0x10de", "0x03"  # of PCI: the vendor, and the class of display and 3D controllers
KERNEL_MODULE = "/proc/driver/nvidia/version"

How = Literal["absent", "answered", "failed", "hung", "garbage"]


@dataclass(frozen=True)
class Card:
    """A GPU: bytes of memory (0: it does not say), compute capability (None: the driver is too old to say), MIG on or off."""

    index: int
    name: str
    memory: int
    capability: tuple[int, int] | None
    mig: bool = False


@dataclass(frozen=True)
class Cards:
    """How nvidia-smi did, what it said first where it failed, the driver's version and the GPUs.

    `pci` counts the cards on the bus, with a driver or without; `instances` are the MIG instances by nvidia-smi -L.
    """

    how: How
    driver: str = ""
    cards: tuple[Card, ...] = ()
    message: str = ""
    pci: int = 0
    instances: int = 0


def read_cards() -> Cards:
    """Ask this machine."""
    program = shutil.which("nvidia-smi")
    pci, kernel = _pci_cards(), _text(Path(KERNEL_MODULE))
    if program is None:
        return interpret(None, "", pci, kernel)
    output = _query(program, FIELDS)
    if output is not None and UNKNOWN_FIELD in output.text:
        output = _query(program, OLD_FIELDS)
    listing = run_program([program, "-L"], LIMIT_S) if output is not None and "Enabled" in output.text else None
    return interpret(output, listing.text if listing else "", pci, kernel)


def interpret(output: ProgramOutput | None, listing: str, pci: int, kernel_module: str) -> Cards:
    """What the answers mean: of the query (None: there is no such program), of nvidia-smi -L, of the bus and of the kernel's module."""
    module = "".join(re.findall(r"Kernel Module.*?(\d+\.\d+(?:\.\d+)?)", kernel_module)[:1])
    if output is None:
        return Cards("absent", module, pci=pci)
    if output.code is None:
        return Cards("hung", module, pci=pci)
    rows = [row for row in map(_card, output.text.splitlines()) if row is not None]
    if output.code != 0 or not rows:
        how: How = "failed" if output.code != 0 or "No devices" in output.text else "garbage"
        return Cards(how, module, message=" ".join(output.text.split())[:200], pci=pci)
    instances = len(re.findall(r"UUID: MIG-", listing))
    return Cards("answered", rows[0][0], tuple(card for _, card in rows), pci=pci, instances=instances)


def _query(program: str, fields: tuple[str, ...]) -> ProgramOutput | None:
    return run_program([program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"], LIMIT_S)


def _card(line: str) -> tuple[str, Card] | None:
    """The driver's version and the card of a line of the query; None for a line that is something else."""
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) < len(OLD_FIELDS) or not cells[0].isdecimal() or not re.fullmatch(r"\d+(\.\d+)+", cells[3]):
        return None
    index, name, memory, driver, capability, mig = (*cells, "", "")[: len(FIELDS)]
    known = re.fullmatch(r"(\d+)\.(\d+)", capability)
    size = int(memory) << 20 if memory.isdecimal() else 0  # machines whose GPU shares the processor's memory say [N/A]
    return driver, Card(int(index), name, size, (int(known[1]), int(known[2])) if known else None, mig == "Enabled")


def _pci_cards() -> int:
    """NVIDIA's GPUs on the bus, as the kernel lists them without any driver."""
    return sum(_text(path / "vendor") == NVIDIA and _text(path / "class").startswith(DISPLAY) for path in _devices())


def _devices() -> Iterator[Path]:
    with suppress(OSError):
        yield from Path("/sys/bus/pci/devices").iterdir()


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
