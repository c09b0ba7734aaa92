"""What the installed torch was built for, asked in a child process: a torch that cannot be loaded, or a driver that hangs, ends it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, replace

from ganray.doctor.programs import ProgramOutput, run_program

LIMIT_S = 90.0  # a first import from a cold disk, on a busy machine

# Counting GPUs makes no context on any of them. The list of architectures is behind is_available() in torch's public API.
SCRIPT = """
import json, sys, warnings
try:
    import torch
except BaseException as error:
    print("ganray:" + json.dumps({"error": f"{type(error).__name__}: {error}"}))
    sys.exit()
flags = getattr(torch._C, "_cuda_getArchFlags", None)
facts = {"version": torch.__version__, "cuda": torch.version.cuda or "", "hip": torch.version.hip or ""}
facts["archs"] = (flags() or "").split() if flags else []
try:
    facts["nccl"] = ".".join(map(str, torch.cuda.nccl.version()))
except Exception:
    facts["nccl"] = ""
if facts["cuda"] and sys.argv[1] == "ask":
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        facts["sees"] = torch.cuda.device_count() if torch.cuda.is_available() else 0
    facts["warning"] = str(caught[0].message) if caught else ""
print("ganray:" + json.dumps(facts))
"""


@dataclass(frozen=True)
class TorchBuild:
    """Version, CUDA version (empty: for CPUs alone), architectures as sm_90 and compute_90, NCCL, and the GPUs that torch sees (None: it
    was not asked). `error` says why torch cannot be loaded; `visible` is CUDA_VISIBLE_DEVICES, where that is set."""

    version: str = ""
    cuda: str = ""
    archs: tuple[str, ...] = ()
    nccl: str = ""
    sees: int | None = None
    warning: str = ""
    error: str = ""
    hip: str = ""
    visible: str | None = None

    @property
    def cuda_major(self) -> int:
        """13 of 13.0; 0 of a build for CPUs."""
        major = self.cuda.partition(".")[0]
        return int(major) if major.isdecimal() else 0


def read_torch_build(ask_driver: bool, every_gpu: bool) -> TorchBuild:
    """Ask this machine's torch. `ask_driver`: how many GPUs it sees; `every_gpu`: also those that this process may not use, as a worker of
    Ray without a GPU may use none."""
    hidden = {"CUDA_VISIBLE_DEVICES"} if every_gpu else set()
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    output = run_program([sys.executable, "-c", SCRIPT, "ask" if ask_driver else ""], LIMIT_S, environment)
    return replace(interpret_build(output), visible=environment.get("CUDA_VISIBLE_DEVICES"))


def interpret_build(output: ProgramOutput | None) -> TorchBuild:
    """What the child said; other lines are of libraries."""
    if output is None:
        return TorchBuild(error=f"{sys.executable} cannot be started")
    if output.code is None:
        return TorchBuild(error=f"`import torch` takes longer than {LIMIT_S:g} s")
    facts = next((line.removeprefix("ganray:") for line in output.text.splitlines() if line.startswith("ganray:")), None)
    if facts is None:
        last = (output.text.strip().splitlines() or ["it prints nothing"])[-1]
        return TorchBuild(error=f"`import torch` ends with status {output.code}: {last[:200]}")
    read = json.loads(facts)
    return TorchBuild(**read | {"archs": tuple(read.get("archs", ()))})
