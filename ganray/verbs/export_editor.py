"""The editor's part of the verb `export`: each network as TASK.onnx, and `networks.yaml`, with which `--networks` takes them again.

A file is compared with torch before it is written, in the form in which edits use it. Networks are traced for one picture of their own
size: that is how edits call them.
"""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import nn

from ganray import __version__
from ganray.config import ExportConfig
from ganray.config.networks import NetworkFile
from ganray.edits.network import TaskNetwork
from ganray.edits.onnx_network import OnnxNetwork
from ganray.errors import ConfigError, ExportError
from ganray.model_folder import EDITOR_FOLDER, EditorInfo, load_editor
from ganray.models.editor import channels_of, input_size
from ganray.network_table import NETWORKS
from ganray.storage import open_store
from ganray.verbs.onnx_writer import onnx_bytes, traced

PICTURES = 3  # of noise, on which a file is compared with torch
TOLERANCE = 2e-4  # in units of [-1, 1], or of the product's share: a fortieth of a level of 255. Measured: up to 5e-6
OWN_SCALE = {"range": (-1.0, 1.0), "output_range": (-1.0, 1.0)}
ROWS: dict[str, dict[str, Any]] = {  # what the networks of models/editor.py take and give
    "matte": {"range": (-1.0, 1.0), "logits": True, "mirror": True},
    "inpaint": OWN_SCALE | {"mirror": True},
    "upscale": OWN_SCALE | {"factor": 2},
    "enhance": OWN_SCALE,
}


def export_editor(config: ExportConfig) -> dict[str, str]:
    """Write the networks of the editor in `config.model`, `networks.yaml` last; returns a line for each.

    Raises ConfigError where that file would change the model folder itself, CheckpointError, StorageError, and ExportError where a file
    answers otherwise than torch.
    """
    modules, info = load_editor(config.model)
    store = open_store(config.out)
    if store.url in (open_store(config.model).url, open_store(config.model).child(EDITOR_FOLDER).url):
        raise ConfigError(
            f"export: out = {config.out} is the model folder: {NETWORKS} there would take the place of its editor", "Choose another out"
        )
    store.delete(NETWORKS)  # an export without it is not finished
    rows, said = {}, {}
    for task, module in modules.items():
        data = network_bytes(task, module, info)
        network = TaskNetwork(task, module)
        place: dict[str, Any] = {"url": f"{task}.onnx", "sha256": hashlib.sha256(data).hexdigest(), "size": network.size}
        row = NetworkFile(**place, halo=network.halo, **ROWS[task])
        difference = compare(OnnxNetwork(task, row, data), network, config.seed)
        store.put(row.url, data)
        rows[task] = row.model_dump(mode="json", exclude_defaults=True)
        said[task] = f"{row.url}, {len(data):,} bytes, at most {difference:.3g} from torch"
    store.settle()
    head = f"# The networks of an editor (digest {info.digest}), written by ganray {__version__}. Use: ganray edit --networks THIS_FILE\n"
    store.put(NETWORKS, (head + yaml.safe_dump(rows, sort_keys=False, default_flow_style=None)).encode())
    return said


def network_bytes(task: str, module: nn.Module, info: EditorInfo) -> bytes:
    """The ONNX file of a task's network: picture float32 [1, C, S, S] -> answer."""
    facts = {
        "software": f"ganray {__version__}",
        "editor_digest": info.digest,
        "task": task,
        "license": info.train.license if info.train else "unknown",
    }
    plain = copy.deepcopy(module).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    picture = torch.from_numpy(noise(channels_of(task, module), 1, 0, input_size(task, module)))
    return onnx_bytes(traced(plain, (picture,)), ("picture",), "answer", facts)


def compare(made: OnnxNetwork, network: TaskNetwork, seed: int) -> float:
    """The largest absolute difference from torch on pictures of noise. Raises ExportError above TOLERANCE."""
    x = noise(network.channels, PICTURES, seed, network.size)
    difference = float(np.abs(made(x) - network(x)).max())
    if difference > TOLERANCE:
        raise ExportError(
            f"{network.task}.onnx differs from torch by {difference:.3g}, the most allowed is {TOLERANCE:g}",
            "Leave onnx out of --formats, and report the folder's editor.json",
        )
    return difference


def noise(channels: int, num: int, seed: int, size: int) -> NDArray[np.float32]:
    """Pictures of noise in [-1, 1], float32 [num, channels, size, size]; the fourth channel is 0 or 1, as holes are."""
    x = np.random.default_rng(seed).uniform(-1, 1, (num, channels, size, size)).astype(np.float32)
    x[:, 3:] = x[:, 3:] > 0
    return x
