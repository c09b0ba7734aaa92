"""The C compiler that torch.compile calls on a GPU, by the rule of training/compiling.py (which imports torch), and what it needs."""

from __future__ import annotations

import os
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from ganray.doctor.finding import Finding, note, ok

REMEDY = "apt-get install gcc g++ python3-dev; in the image: GPU nodes take the target `gpu-compile`"


@dataclass(frozen=True)
class Compiler:
    """The compiler's path (empty: none), and whether Python's headers are there, which Triton's launcher includes."""

    path: str
    headers: bool


def read_compiler() -> Compiler:
    """Look for it here."""
    path = next((found for name in (os.environ.get("CC", "gcc"), "clang") if (found := shutil.which(name))), "")
    return Compiler(path, (Path(sysconfig.get_paths()["include"]) / "Python.h").exists())


def compiler_findings(compiler: Compiler, gpus: int) -> list[Finding]:
    """The line of the compiler: without a GPU nothing needs it."""
    if compiler.path and (compiler.headers or not gpus):
        return [ok("compiler", compiler.path)]
    if not gpus:
        return [ok("compiler", "none; only GPUs need it")]
    text = f"{compiler.path}, but Python.h is not there" if compiler.path else "no gcc or clang"
    return [note("compiler", f"{text}: --compile auto trains uncompiled, which is slower", REMEDY)]
