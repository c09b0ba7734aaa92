"""A CUDA device without a GPU: fake tensors on it have shapes, types and strides, and autograd runs over them as on a real one.

A torch without CUDA refuses `x[1:]` and gradients of such tensors, for lack of a device guard. `load` builds one (fake_cuda.cpp) by g++ and
loads it; it must be called in a process that has not imported torch. `fake_device` then gives the mode. A mismatch of devices is an error
in it, and so is everything that would make the host wait for a value.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

SOURCE = Path(__file__).with_name("fake_cuda.cpp")


def missing() -> str:
    """Why there can be no such device here; empty where there can."""
    return "" if shutil.which("g++") else "g++ is not installed (Debian: g++)"


def load() -> None:
    """Build and load the device. Raises RuntimeError where torch was imported before."""
    if "torch" in sys.modules:
        raise RuntimeError("load the fake device before torch is imported")
    spec = importlib.util.find_spec("torch")
    assert spec is not None and spec.origin is not None
    torch = Path(spec.origin).parent
    built = _built(torch)
    for library in (torch / "lib" / "libtorch_global_deps.so", torch / "lib" / "libtorch_cpu.so", built):
        ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)


def _built(torch: Path) -> Path:
    """The library of this source and torch, in the virtual environment; built where it is not there."""
    key = hashlib.sha256(SOURCE.read_bytes() + (torch / "version.py").read_bytes()).hexdigest()[:16]
    built = Path(sys.prefix) / "lib" / f"fake-cuda-{key}.so"
    if not built.exists():
        own = built.with_suffix(f".{os.getpid()}")
        command = ["g++", "-std=c++20", "-shared", "-fPIC", f"-I{torch / 'include'}", str(SOURCE), "-o", str(own)]
        subprocess.run([*command, f"-L{torch / 'lib'}", f"-Wl,-rpath,{torch / 'lib'}", "-lc10", "-ltorch_cpu"], check=True)
        own.replace(built)
    return built


@contextmanager
def fake_device() -> Iterator[Any]:
    """Tensors are fake, convolutions have the layouts of cuDNN, and CUDA is said to be available, with bf16. Gives the device."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    said = mock.patch.multiple("torch.cuda", is_available=lambda: True, is_bf16_supported=lambda *args, **options: True)
    with FakeTensorMode(allow_non_fake_inputs=True), _cudnn_layouts(), said:
        yield torch.device("cuda", 0)


def _cudnn_layouts() -> Any:
    """A torch without cuDNN takes a convolution's result for contiguous. cuDNN's is channels-last where the input or the weight is."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_map_only

    layout = torch.channels_last

    def restrided(tensor: torch.Tensor) -> torch.Tensor:
        return torch.empty_like(tensor, memory_format=layout) if tensor.dim() == 4 else tensor

    class Layouts(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            if func._schema.name not in ("aten::convolution", "aten::convolution_backward"):
                return result
            inputs = [tensor for tensor in args[:3] if isinstance(tensor, torch.Tensor) and tensor.dim() == 4]
            last = any(tensor.is_contiguous(memory_format=layout) and not tensor.is_contiguous() for tensor in inputs)
            return tree_map_only(torch.Tensor, restrided, result) if last else result

    return Layouts()
