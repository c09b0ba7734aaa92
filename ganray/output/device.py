"""What a picture's bits depend on beside its model and request: the device that drew it, in words."""

from __future__ import annotations

import torch

TF32_SINCE = 8, 0  # compute capability


def describe_device(device: str) -> str:
    """`cpu`, or of a GPU its name, compute capability, software and arithmetic: `NVIDIA L4 (8.9) torch 2.13.0 cudnn 92000 tf32`.

    A MIG slice has its profile in its name. To be asked where the GPU is. Kinds of CPU are not told apart: their pictures differ, too, but
    which kernels a processor takes has no short name.
    """
    if (kind := torch.device(device).type) != "cuda":
        return kind
    capability = torch.cuda.get_device_capability(device)
    arithmetic = "tf32" if torch.backends.cudnn.allow_tf32 and capability >= TF32_SINCE else "fp32"
    software = f"torch {torch.__version__.partition('+')[0]} cudnn {torch.backends.cudnn.version()}"
    return f"{torch.cuda.get_device_name(device)} ({capability[0]}.{capability[1]}) {software} {arithmetic}"
