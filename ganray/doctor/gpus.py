"""GPUs, their driver and the installed torch: whether they fit, and what mends it where they do not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ganray.doctor.cards import Card, Cards
from ganray.doctor.finding import Finding, note, ok, problem
from ganray.doctor.memory import gib
from ganray.doctor.torch_build import TorchBuild

# Least driver for each major version of CUDA, for all of its minor ones. Source, read on 2026-11-30:
# https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html, table 1 (also in the release notes of the toolkit).
LEAST_DRIVER = {11: 450, 12: 525, 13: 580}
# Least compute capability that CUDA compiles for. Source: "Deprecated Architectures" in the release notes of CUDA 12.0 and 13.0.
LEAST_CAPABILITY = {11: (3, 5), 12: (5, 0), 13: (7, 5)}
BF16 = (8, 0)  # bf16 and TF32 in hardware: Ampere and later
OLDER_TORCH = "pip install torch --index-url https://download.pytorch.org/whl/cu126, on all nodes"

# What nvidia-smi says -> what mends it.
REMEDIES = {
    "Driver/library version mismatch": "The driver was updated under its running kernel module: restart the machine, or drain it and "
    "reload the nvidia modules",
    "communicate with the NVIDIA driver": "The kernel module is not loaded: modprobe nvidia; after a kernel update install the "
    "driver again; then see dmesg",
    "GPU is lost": "The card fell off the bus (Xid 79 in dmesg): restart the machine; if it happens again, have the card replaced",
    "Unknown Error": "A container has lost its devices (systemctl daemon-reload on the host does that): start the container again",
    "Insufficient Permissions": "This user may not open /dev/nvidia*: check their group and mode",
    "No devices were found": "The driver runs and has no card: see dmesg for NVRM and Xid lines, and whether the VM has the GPU",
}
IN_CONTAINER = (
    "In a container: install nvidia-container-toolkit on the host and start it with --gpus all (NVIDIA_DRIVER_CAPABILITIES=compute,utility)"
)


def gpu_findings(found: Cards, torch: TorchBuild) -> list[Finding]:
    """The lines of GPUs, driver, torch and NCCL."""
    return [
        *_driver(found, torch),
        *_cards(found.cards, found.instances),
        *_torch(found, torch),
        *_fits(found, torch),
        *_nccl(found, torch),
    ]


def _driver(found: Cards, torch: TorchBuild) -> Iterator[Finding]:
    if found.how == "hung":
        yield problem(
            "driver", "nvidia-smi does not answer: the driver or a GPU hangs", "See dmesg for Xid lines, then restart the machine"
        )
    elif found.how == "failed":
        remedy = next((text for words, text in REMEDIES.items() if words in found.message), "Run nvidia-smi by hand, and see dmesg")
        yield problem("driver", f"nvidia-smi fails: {found.message or 'it says nothing'}", remedy)
    elif found.how == "garbage":
        yield problem(
            "driver", f"nvidia-smi answers what is no table of GPUs: {found.message!r}", "Check which nvidia-smi is first in PATH"
        )
    elif found.how == "answered":
        yield from _driver_version(found, torch)
    elif found.driver:
        yield note("driver", f"{found.driver} by the kernel, but there is no nvidia-smi: GPUs cannot be looked at", IN_CONTAINER)
    elif found.pci:
        what = f"{found.pci} GPU(s) of NVIDIA on the bus, and no driver"
        yield problem("driver", what, f"Install a driver of {LEAST_DRIVER.get(torch.cuda_major, 580)} or later. {IN_CONTAINER}")


def _driver_version(found: Cards, torch: TorchBuild) -> Iterator[Finding]:
    has, needs = int(found.driver.partition(".")[0]), LEAST_DRIVER.get(torch.cuda_major)
    if needs is None or has >= needs:
        what = f", torch's CUDA {torch.cuda} needs {needs}" if needs else ""
        yield ok("driver", f"{found.driver}{what}")
    elif torch.sees:
        yield note("driver", f"{found.driver}, below the {needs} of CUDA {torch.cuda}; torch sees the GPUs by the compatibility package")
    else:
        fitting = max((major for major, least in LEAST_DRIVER.items() if least <= has), default=0)
        older = f", or torch for CUDA {fitting}: {OLDER_TORCH}" if fitting == 12 else ""
        text = f"{found.driver} is too old for torch {torch.version}: CUDA {torch.cuda} needs {needs} or later"
        yield problem("driver", text, f"Install a driver of {needs} or later{older}")


def _cards(cards: tuple[Card, ...], instances: int) -> Iterator[Finding]:
    if not cards:
        return
    kinds = Counter(_kind(card) for card in cards)
    text = "; ".join(f"{num} x {kind}" for kind, num in kinds.items())
    if len(kinds) > 1:
        remedy = "Use the cards of one kind: CUDA_VISIBLE_DEVICES here, an accelerator_type or a node label on a cluster"
        yield note(
            "GPUs", f"{text}: not alike. The slowest sets the pace of training, and pictures differ between kinds in last bits", remedy
        )
    else:
        yield ok("GPUs", text)
    if old := sorted({card.name for card in cards if card.capability and card.capability < BF16}):
        yield note("bf16", f"{', '.join(old)} computes no bf16 or TF32 (compute capability 8.0 and later do): use --precision fp32")
    if on := [card for card in cards if card.mig]:
        where = ", ".join(str(card.index) for card in on)
        if not instances:
            yield problem(
                "MIG", f"on for GPU {where}, without an instance: nothing can run there", "nvidia-smi mig -cgi ... -C, or nvidia-smi -mig 0"
            )
        else:
            yield note(
                "MIG",
                f"on for GPU {where}, {instances} instance(s): one process uses one, NCCL joins none",
                "Engines are fine; to train, nvidia-smi -mig 0",
            )


def _kind(card: Card) -> str:
    capability = f", sm_{card.capability[0]}{card.capability[1]}" if card.capability else ""
    return f"{card.name} ({gib(card.memory) if card.memory else 'shared memory'}{capability})"


def _torch(found: Cards, torch: TorchBuild) -> Iterator[Finding]:
    there = bool(found.cards or found.pci)
    if torch.error:
        yield problem("torch", torch.error, "Install ganray again, with constraints.txt, in a fresh environment")
    elif torch.hip:
        yield note("torch", f"{torch.version}, for ROCm: never tried with ganray")
    elif torch.cuda and not there and found.how == "absent":
        yield note("torch", f"{torch.version}, built for CUDA {torch.cuda}; no GPU here: it computes on the CPU")
    elif torch.cuda:
        yield ok("torch", f"{torch.version}, built for CUDA {torch.cuda}")
    elif there:
        yield problem(
            "torch",
            f"{torch.version} is built for CPUs, and there are GPUs: they are not used",
            "pip install -c constraints.txt -c constraints-gpu.txt --force-reinstall torch, from PyPI and no index for CPUs",
        )
    else:
        yield ok("torch", f"{torch.version}, for CPUs; no GPU here")


def _fits(found: Cards, torch: TorchBuild) -> Iterator[Finding]:
    """Whether torch has code for each GPU, and sees them all."""
    if not torch.cuda or not found.cards:
        return
    for name, capability in sorted({(card.name, card.capability) for card in found.cards if card.capability}):
        if capability and not supported(capability, torch):
            has = f"sm_{capability[0]}{capability[1]}"
            remedy = f"torch for CUDA 12.6 has it ({OLDER_TORCH}), or use a GPU of compute capability 7.5 or later"
            if capability > (7, 5):
                remedy = "Install a newer torch, or one that is built for it"
            yield problem("GPU code", f"torch {torch.version} has no code for {name} ({has}){_dropped(capability, torch)}", remedy)
    expected = len(found.cards) if not any(card.mig for card in found.cards) else found.instances
    if torch.sees is None or torch.sees >= expected:
        return
    text = f"torch sees {torch.sees} of {expected}"
    if torch.visible is not None:
        yield note("GPUs in use", f"{text}: CUDA_VISIBLE_DEVICES is {torch.visible!r}", "Unset it to use them all")
    elif torch.sees and any(card.mig for card in found.cards):
        yield note("GPUs in use", f"{text}: a process uses one MIG instance")
    elif not _too_old(found, torch):
        why = f": {torch.warning.splitlines()[0][:200]}" if torch.warning else ""
        yield problem("GPUs in use", f"{text}{why}", f"Check CUDA_VISIBLE_DEVICES, /dev/nvidia* and libcuda.so.1. {IN_CONTAINER}")


def _too_old(found: Cards, torch: TorchBuild) -> bool:
    return int(found.driver.partition(".")[0]) < LEAST_DRIVER.get(torch.cuda_major, 0)


def _dropped(capability: tuple[int, int], torch: TorchBuild) -> str:
    least = LEAST_CAPABILITY.get(torch.cuda_major)
    return f": CUDA {torch.cuda_major} begins with sm_{least[0]}{least[1]}" if least and capability < least else ""


def supported(capability: tuple[int, int], torch: TorchBuild) -> bool:
    """Whether torch has machine code for a capability (same major version, minor version not above), or PTX that the driver compiles.

    Without a list of architectures the least one of the CUDA version decides.
    """
    if not torch.archs:
        return capability >= LEAST_CAPABILITY.get(torch.cuda_major, (0, 0))
    for kind, major, minor in re.findall(r"(sm|compute)_(\d+)(\d)", " ".join(torch.archs)):
        built = (int(major), int(minor))
        if built <= capability and (kind == "compute" or built[0] == capability[0]):
            return True
    return False


def _nccl(found: Cards, torch: TorchBuild) -> Iterator[Finding]:
    if torch.nccl:
        yield ok("NCCL", torch.nccl)
    elif torch.cuda and len(found.cards) > 1:
        yield problem(
            "NCCL", f"this torch has none, and there are {len(found.cards)} GPUs", "Install torch from PyPI or PyTorch's own index"
        )
