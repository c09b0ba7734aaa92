"""python -m tests.gpu.step_counts PRESET [BATCH] [--json]: what a training step asks of a GPU, counted without one (fake_cuda.py).

"kernels" are operations that touch memory; views are none. "bytes" are those of their inputs and outputs, and of the passes for biases that
cuDNN runs on its own (one forwards that reads and writes, one backwards that reads). "copies" go from the host to the device; a "wait" of
the host for a value of the device is an error. "saved" is what is kept for the backward passes at the largest moment of the step.
"""

from __future__ import annotations

import collections
import json
import sys
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

from tests.gpu.fake_cuda import fake_device, load

if __name__ == "__main__":
    load()

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ganray.config import EditorConfig, TrainConfig
from ganray.presets import PRESETS, preset
from ganray.training import draws
from ganray.training.editor import create_editor_state, editor_step, smallest_photo
from ganray.training.schedules import hyper
from ganray.training.state import TrainState, create_state
from ganray.training.step import StepInputs, train_step

LABELS = (12, 9, 3)
EDITOR = TrainConfig(batch=8, editor=EditorConfig(tasks=("matte", "inpaint", "upscale", "enhance")))
FREE = ("aten::empty", "aten::empty_like", "aten::empty_strided", "aten::new_empty", "aten::new_empty_strided", "aten::_unsafe_view")
FREE += ("aten::detach", "aten::lift_fresh", "prim::device", "aten::is_same_size", "aten::set_")


@dataclass
class StepCounts:
    """Counts of one step."""

    preset: str
    batch: int
    kernels: int
    gigabytes: float
    copies: int
    casts: int
    weight_gradients: int
    saved_gib: float


class Counter(TorchDispatchMode):
    """Counts the operations that run below it."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels: collections.Counter[str] = collections.Counter()
        self.bytes: collections.Counter[str] = collections.Counter()
        self.copies = self.weight_gradients = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func._schema.name
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        outputs = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        self.copies += _is_copy(name, inputs, outputs)
        if not (func.is_view or name in FREE):
            self.kernels[name] += 1
            self.bytes[name] += sum(tensor.numel() * tensor.element_size() for tensor in (*inputs, *outputs))
            self._add_bias(name, args, outputs)
        return result

    def _add_bias(self, name: str, args: Any, outputs: list[Tensor]) -> None:
        if name == "aten::convolution" and args[2] is not None:
            self.bytes["bias"] += 2 * outputs[0].numel() * outputs[0].element_size()
        if name == "aten::convolution_backward":
            self.weight_gradients += args[10][1]
            if args[10][2]:
                self.bytes["bias"] += args[0].numel() * args[0].element_size()


def _is_copy(name: str, inputs: list[Tensor], outputs: list[Tensor]) -> bool:
    """Whether this moves a tensor from the host to the device."""
    if name not in ("aten::_to_copy", "aten::copy_", "aten::_foreach_copy_"):
        return False
    return any(tensor.device.type == "cpu" for tensor in inputs) and any(tensor.device.type == "cuda" for tensor in outputs)


class FakeDraws(draws.Draws):
    """Draws without values; the generator of a fake device cannot be made."""

    def _generator(self) -> Any:
        return None

    def recipe(self, rows: int, num: int) -> draws.Recipe:
        """What the host decides has values."""
        return draws.Recipe(np.full((rows, num), 0.5, np.float32), self._rand(rows, num))


def count(config: TrainConfig, device: torch.device) -> tuple[StepCounts, Counter]:
    """Count the second step of a run, which has the optimizers' memory."""
    state = _moved(config, device)
    real, label = _inputs(config, device)
    counter, saved = Counter(), Saved()
    for number in range(2):
        terms = StepInputs(config, hyper(config, 1000), FakeDraws(0, config.batch, 0, device), None)
        if number == 0:
            train_step(state, real, label, terms)
        else:
            with counter, saved.hooks():
                train_step(state, real, label, terms)
    return _counts(config.preset, config.batch, counter, saved), counter


def count_editor(config: TrainConfig, device: torch.device) -> tuple[StepCounts, Counter]:
    """The same of an editor's step, on photos of the smallest size that all its tasks take."""
    with _real_tensors():
        state = create_editor_state(config, torch.zeros(4, 4, 128, 128, dtype=torch.uint8))
    for network in (state.networks, state.critics, state.ema):
        _move(network, device)
    state.cutouts, state.optimizer.parameters = _like(state.cutouts, device), list(state.networks.parameters())
    side = smallest_photo(config.editor.tasks)
    real = torch.zeros(config.batch, 3, side, side, device=device)
    counter, saved = Counter(), Saved()
    for number in range(2):
        terms = StepInputs(config, hyper(config, 1000), FakeDraws(0, config.batch, 0, device), None)
        with counter if number else nullcontext(), saved.hooks() if number else nullcontext():
            editor_step(state, real, terms)
    return _counts("editor", config.batch, counter, saved), counter


def _counts(name: str, batch: int, counter: Counter, saved: Saved) -> StepCounts:
    total, moved = sum(counter.kernels.values()), sum(counter.bytes.values()) / 1e9
    casts = counter.kernels["aten::_to_copy"]
    return StepCounts(name, batch, total, moved, counter.copies, casts, counter.weight_gradients, saved.largest / 2**30)


class Saved:
    """Bytes of the activations that are kept for backward passes, without weights, each storage once."""

    def __init__(self) -> None:
        self._kept: collections.Counter[int] = collections.Counter()
        self._now = self.largest = 0

    def hooks(self) -> Any:
        """The context in which what is saved is counted."""
        return torch.autograd.graph.saved_tensors_hooks(self._pack, lambda packed: packed.tensor)

    def _pack(self, tensor: Tensor) -> Any:
        return _Packed(self, tensor)

    def add(self, tensor: Tensor, sign: int) -> None:
        """Count a storage when it is first kept, and when it is last let go."""
        storage = tensor.untyped_storage()
        if storage._cdata in self._kept or sign > 0:
            before = self._kept[storage._cdata]
            self._kept[storage._cdata] += sign
            if before + max(sign, 0) in (0, 1) and not isinstance(tensor, nn.Parameter):
                self._now += sign * storage.nbytes()
                self.largest = max(self.largest, self._now)
            if not self._kept[storage._cdata]:
                del self._kept[storage._cdata]


class _Packed:
    def __init__(self, saved: Saved, tensor: Tensor) -> None:
        self.saved, self.tensor = saved, tensor
        saved.add(tensor, 1)

    def __del__(self) -> None:
        self.saved.add(self.tensor, -1)


def _inputs(config: TrainConfig, device: torch.device) -> tuple[Tensor, Tensor]:
    side = config.model.resolution
    real = torch.zeros(config.batch, config.model.channels, side, side, device=device)
    return real, torch.zeros(config.batch, len(LABELS), dtype=torch.int64, device=device)


def _moved(config: TrainConfig, device: torch.device) -> TrainState:
    """The state of a run with its tensors on the device; `Module.to` swaps tensors, which fake ones do not allow."""
    with _real_tensors():
        state = create_state(config, LABELS)
    for network in (state.generator, state.discriminator, state.ema):
        _move(network, device)
    state.opt_g.parameters, state.opt_d.parameters = list(state.generator.parameters()), list(state.discriminator.parameters())
    if state.adaptive:
        state.adaptive.p, state.adaptive.sign = _like(state.adaptive.p, device), _like(state.adaptive.sign, device)
    if state.spread:
        state.spread.sums = _like(state.spread.sums, device)
    return state


def _move(network: nn.Module, device: torch.device) -> None:
    for module in network.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = nn.Parameter(_like(parameter, device), requires_grad=parameter.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = _like(buffer, device)


def _real_tensors() -> Any:
    from torch._subclasses.fake_tensor import unset_fake_temporarily

    return unset_fake_temporarily()


def _like(tensor: Tensor, device: torch.device) -> Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device)


def main(words: list[str]) -> None:
    """Print the counts, as JSON with `--json`, else with the operations that move most."""
    names = [word for word in words if word in PRESETS or word == "editor"] or [*PRESETS, "editor"]
    batch = next((int(word) for word in words if word.isdigit()), 0)
    for name in names:
        base = EDITOR if name == "editor" else preset(name)
        config = base.model_copy(update={"batch": batch or base.batch, "compile": "off", "accumulate": 1, "precision": "bf16"})
        with fake_device() as device:
            found, counter = (count_editor if name == "editor" else count)(config, device)
        print(json.dumps(asdict(found)), flush=True)
        if "--json" not in words:
            for operation, moved in counter.bytes.most_common(25):
                print(f"{counter.kernels[operation]:6d} {moved / 1e9:9.2f} GB {operation}")


if __name__ == "__main__":
    main(sys.argv[1:])
