"""python -m tests.gpu.check [--seconds 460] [--small] [--device cpu]: what only a GPU can say of ganray. No Ray, under 8 minutes.

Each line is a figure with what was expected of it, or a promise: `BROKEN` where it does not hold, and then the exit status is 1. Expected
times are those of an H100 (a reading of the code, by its memory bandwidth). `--small` runs the same lines on narrow networks, on the CPU in
every test run.
"""

from __future__ import annotations

import argparse
import collections
import copy
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ganray.checkpoint import Snapshot
from ganray.config import TrainConfig
from ganray.engine import Engine
from ganray.model_folder import ModelInfo
from ganray.models import build_generator
from ganray.models.r3 import Block
from ganray.models.resampling import HalveFunction
from ganray.presets import preset
from ganray.training.augment import augment
from ganray.training.determinism import WORKSPACE, WORKSPACES, is_deterministic, library_settings
from ganray.training.draws import DrawsOf
from ganray.training.gamma import resolve_gamma
from ganray.training.losses import difference_step, exact_penalty, finite_penalty
from ganray.training.memory_probe import fewest_micro_batches
from ganray.training.precision import autocast
from ganray.training.schedules import hyper
from ganray.training.state import create_state
from ganray.training.step import StepInputs, train_step

LABELS, PHOTOS = (12, 9, 3), 3000
VALUES = {"kind": [str(i) for i in range(12)], "colour": [str(i) for i in range(9)], "size": [str(i) for i in range(3)]}
NEAR = (0.83, 1.2)  # of a penalty over the exact one


@dataclass
class Check:
    """Where it runs, how large, and what it found."""

    device: torch.device
    small: bool
    seconds: float
    started: float = field(default_factory=time.monotonic)
    broken: list[str] = field(default_factory=list)

    @property
    def gpu(self) -> bool:
        """Whether this is a GPU."""
        return self.device.type == "cuda"

    def wait(self) -> None:
        """Until the device has done what it was given."""
        if self.gpu:
            torch.cuda.synchronize(self.device)

    def say(self, what: str, found: object, expected: str = "") -> None:
        """A figure."""
        print(
            f"[{time.monotonic() - self.started:4.0f} s] {what:<52} {found}" + (f"   (expected: {expected})" if expected else ""),
            flush=True,
        )

    def promise(self, what: str, holds: bool, found: object = "") -> None:
        """A promise."""
        if not holds:
            self.broken.append(what)
        self.say(what, f"{'holds' if holds else 'BROKEN'} {found}".rstrip())

    def ms(self, work: Callable[[], object], num: int = 10, warm: int = 3) -> float:
        """Milliseconds of a call."""
        num, warm = (2, 1) if self.small else (num, warm)
        for _ in range(warm):
            work()
        self.wait()
        began = time.perf_counter()
        for _ in range(num):
            work()
        self.wait()
        return 1000 * (time.perf_counter() - began) / num

    def config(self, name: str, batch: int = 0, **changes: Any) -> TrainConfig:
        """A preset on PHOTOS images; narrow where it is to be small."""
        config = preset(name)
        model = (
            config.model.model_copy(update={"widths": (8,) * len(config.model.widths), "group_channels": 8}) if self.small else config.model
        )
        changes = {"accumulate": 1, "compile": "off", "batch": 4 if self.small else batch or config.batch} | changes
        if self.small and not self.gpu:
            changes["precision"] = "fp32"  # a CPU that emulates bf16 takes minutes
        loss = resolve_gamma(config.loss, config.model.resolution, PHOTOS)
        return config.model_copy(update={"model": model, "loss": loss, **changes})


class Training:
    """A state, images that stay on the device, and the step on them."""

    def __init__(self, check: Check, config: TrainConfig) -> None:
        self.config, self._device, self.state = config, check.device, create_state(config, LABELS, check.device)
        rng = torch.Generator().manual_seed(1)
        coarse = torch.rand(config.batch, 3, 8, 8, generator=rng) * 2 - 1
        self.real = F.interpolate(coarse, size=config.model.resolution, mode="bilinear").to(check.device)
        self.label = torch.stack([torch.randint(size, (config.batch,), generator=rng) for size in LABELS], 1).to(check.device)
        if self.state.adaptive:
            self.state.adaptive.p.fill_(0.3)

    def __call__(self) -> dict[str, Tensor]:
        """One step."""
        config, state = self.config, self.state
        draws = DrawsOf(config.seed, config.batch, 0, self._device, is_deterministic(config, self._device)).step(state.num_images)
        metrics = train_step(state, self.real, self.label, StepInputs(config, hyper(config, state.num_images), draws, None))
        state.num_images += config.batch
        return metrics


def environment(check: Check) -> None:
    """The machine, and what libraries are allowed to do."""
    if check.gpu:
        card = torch.cuda.get_device_properties(check.device)
        check.say("GPU", f"{card.name}, {card.total_memory / 2**30:.0f} GiB, sm_{card.major}{card.minor}")
        check.say("torch, CUDA, cuDNN", (torch.__version__, torch.version.cuda, torch.backends.cudnn.version()))
    flags = (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32)
    check.say("TF32 in convolutions, in products of matrices", flags, "True, False")


def layouts(check: Check) -> None:
    """Milliseconds of what a block is made of, by layout, format and cuDNN's search."""
    num, width, side = (2, 32, 8) if check.small else (320, 192, 64)
    kinds = {"1x1": (width, 2 * width, 1, 1), "grouped 3x3": (2 * width, 2 * width, 3, 2 * width // 16)}
    for what, (a, b, kernel, groups) in kinds.items():
        found = {}
        for dtype in (torch.bfloat16, torch.float32):
            for name, layout in (("NHWC", torch.channels_last), ("NCHW", torch.contiguous_format)):
                for search in (False, True):
                    torch.backends.cudnn.benchmark = search
                    x = torch.randn(num, a, side, side, device=check.device, dtype=dtype).contiguous(memory_format=layout).requires_grad_()
                    w = torch.randn(b, a // groups, kernel, kernel, device=check.device, dtype=dtype)
                    w = w.contiguous(memory_format=layout).requires_grad_()

                    def both(x: Tensor = x, w: Tensor = w, kernel: int = kernel, groups: int = groups) -> None:
                        y = F.conv2d(x, w, padding=kernel // 2, groups=groups)
                        torch.autograd.grad(y, [x, w], torch.ones_like(y))

                    found[f"{str(dtype)[6:]} {name}{' search' * search}"] = round(check.ms(both, 5, 2), 2)
        torch.backends.cudnn.benchmark = False
        check.say(f"{what}, forwards and backwards, ms", found, "bf16 NHWC the least, the search no better")
    x = torch.randn(num, width, side, side, device=check.device, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    check.say("halving, ms", round(check.ms(lambda: torch.autograd.grad(HalveFunction.apply(x).sum(), x), 5, 2), 2))
    block = Block(width, 16, 1).to(check.device, torch.bfloat16, memory_format=torch.channels_last)
    for what, forward in (("by matrices", block.by_matrices), ("by convolutions", block.by_convolutions)):
        check.say(f"a block {what}, ms", round(check.ms(lambda call=forward: torch.autograd.grad(call(x).sum(), x), 5, 2), 2))


def steps(check: Check) -> None:
    """Time, memory, waits and kernels of a step."""
    expected = {"demo-32": "8", "r3-64": "80 - 110", "r3-128": "90 - 130", "r3-256": "180 - 260"}
    for name in [*expected][: 2 if check.small else None]:
        if check.gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        run = Training(check, check.config(name))
        took, batch = check.ms(run), run.config.batch
        peak = f", {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB" if check.gpu else ""
        check.say(f"a step of {name}, batch {batch}", f"{took:.1f} ms, {1000 * batch / took:.0f} img/s{peak}", f"{expected[name]} ms")
        if check.gpu:
            _waits(check, run)
            _kernels(check, run, took)
        values = run()
        check.promise(f"{name}: numbers are finite", all(bool(value.isfinite()) for value in values.values()))


def _waits(check: Check, run: Training) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        run()
        torch.cuda.set_sync_debug_mode("default")
    places = collections.Counter(f"{w.filename.rsplit('/', 1)[-1]}:{w.lineno}" for w in seen if "synchroniz" in str(w.message))
    check.promise("  no wait for the device in a step", not places, dict(places))


def _kernels(check: Check, run: Training, took: float) -> None:
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as profiled:
        run()
        check.wait()
    events = [event for event in profiled.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    by_name: collections.Counter[str] = collections.Counter()
    for event in events:
        by_name[event.name[:48]] += event.self_device_time_total / 1000
    check.say("  kernels, busy", f"{len(events)}, {sum(by_name.values()):.1f} of {took:.1f} ms")
    check.say("  the longest, ms", {name: round(value, 1) for name, value in by_name.most_common(7)})


def rounding(check: Check) -> None:
    """What bf16 leaves of transforms and penalties."""
    for name in ("r3-64", "r3-128", "r3-256")[: 1 if check.small else None]:
        run = Training(check, check.config(name, 16, precision="bf16"))
        config, x, label = run.config, run.real, run.label
        plain, cast = [], []
        for bf16, into in ((False, plain), (True, cast)):
            with torch.autocast(check.device.type, dtype=torch.bfloat16, enabled=bf16):
                into.append(augment(x, 0.6, config.augment, DrawsOf(0, config.batch, 0, check.device).step(0)))
        check.promise(f"{name}: transforms are those of float32", torch.equal(plain[0], cast[0]))
        for _ in range(2 if check.small else 150):
            run()
        judge, torch.backends.cudnn.allow_tf32 = run.state.discriminator, False
        images = x.clone().requires_grad_()
        exact = float(exact_penalty(judge(images, label), images).detach())
        torch.backends.cudnn.allow_tf32 = True
        sigma, drawn = difference_step(config.loss, config.model.resolution, True), []
        for _ in range(2 if check.small else 16):
            with torch.no_grad(), autocast(check.device, config):
                logits = judge(torch.cat([x, x + sigma * torch.randn_like(x)]), torch.cat([label, label]))
            drawn.append(float(finite_penalty(*logits.chunk(2), sigma)))
        ratio = float(np.mean(drawn)) / exact
        said = f"{ratio:.2f} of exact {exact:.3g}, steps of {sigma:g}, gamma {config.loss.gamma}"
        if check.small:  # two steps of narrow networks are no training
            check.say(f"{name}: R1 in bf16", said)
        else:
            check.promise(f"{name}: R1 in bf16 after 150 steps", NEAR[0] <= ratio <= NEAR[1], said)


def determinism(check: Check) -> None:
    """Whether runs end alike, and go on alike."""
    config = check.config("r3-64", 32, precision="bf16")
    for wanted in (False, True):
        chosen = config.model_copy(update={"deterministic": wanted})
        with library_settings(chosen, check.device):
            first, second = (_after(check, chosen, 3) for _ in range(2))
        differ = sum(not torch.equal(value, second[name]) for name, value in first.items())
        if wanted or not check.gpu:
            check.promise("3 steps twice, --deterministic: the same bits", differ == 0, f"{differ} of {len(first)} tensors differ")
        else:
            check.say("3 steps twice, as it is", f"{differ} of {len(first)} tensors differ", "most of them")
    run = Training(check, config)
    run()
    tensors, description = run.state.export()
    kept = {name: value.detach().to("cpu", copy=True) for name, value in tensors.items()}
    again = Training(check, config)
    again.state.restore(kept, description)
    one, other = run(), again()
    worst = max(abs(float(one[name]) - float(other[name])) for name in one)
    check.promise("a step after loading is the step that came next", worst < 1e-2, f"largest difference of a logged number {worst:.2g}")


def _after(check: Check, config: TrainConfig, num: int) -> dict[str, Tensor]:
    run = Training(check, config)
    for _ in range(num):
        run()
    return {name: value.detach().clone() for name, value in run.state.export()[0].items()}


def engine(check: Check) -> None:
    """The same bits wherever a request stands; what a batch takes."""
    for name, expected in (("r3-64", "7"), ("r3-256", "30"))[: 1 if check.small else None]:
        config = check.config(name)
        torch.manual_seed(0)
        generator = build_generator(config.model, LABELS)
        for module in generator.modules():
            if isinstance(module, Block):
                torch.nn.init.normal_(module.reduce.weight, std=module.reduce.weight.shape[1] ** -0.5)
        info = ModelInfo(model=config.model, attributes=VALUES, histograms={key: dict.fromkeys(known, 1) for key, known in VALUES.items()})
        ours, cpu = Engine(copy.deepcopy(generator), info, check.device.type, 1), Engine(generator, info, "cpu", 4)
        z = np.random.default_rng(0).standard_normal((2 * ours.rows, config.model.z_dim)).astype(np.float32)
        label = np.zeros((len(z), len(LABELS)), np.int64)
        images = ours.render(z, label)
        moved = np.roll(images, 7, 0) == ours.render(np.roll(z, 7, 0), label)
        alone = images[:2] == np.concatenate([ours.render(z[row : row + 1], label[:1]) for row in range(2)])
        again = images == ours.render(z, label)
        check.promise(f"{name}: the same bits elsewhere in a batch, alone, again", bool(moved.all() and alone.all() and again.all()))
        apart = np.abs(images[:4].astype(int) - cpu.render(z[:4], label[:4]))
        check.say("  against the CPU", f"{100 * (apart > 0).mean():.2f} % of values differ, by {apart.max()} at most", "by 2 at most")
        took = check.ms(lambda ours=ours, z=z, label=label: ours.render(z, label), 5, 2) / 2
        check.say("  a batch", f"{took:.2f} ms, {1000 * ours.rows / took:.0f} img/s", f"{expected} ms")
    torch.backends.cudnn.deterministic = False
    run = Training(check, check.config("r3-64"))
    began = time.perf_counter()
    Snapshot.of(run.state)
    check.say("a copy of the state for a checkpoint, ms", round(1000 * (time.perf_counter() - began)), "50 - 100")


def memory(check: Check) -> None:
    """What `accumulate auto` makes of a batch that does not fit."""
    if not check.gpu:
        return
    config = check.config("r3-256", 512)
    parts = fewest_micro_batches(config, LABELS, 512, check.device)
    check.say("accumulate auto, r3-256 at 512", f"{parts} micro-batches", "4 or 8")
    check.say("  left allocated, MiB", torch.cuda.memory_allocated() // 2**20, "little")


def compiled(check: Check) -> None:
    """The compiled step, and how many graphs it has."""
    import torch._dynamo.utils

    if check.small:
        return
    counters = torch._dynamo.utils.counters["stats"]
    for name in ("r3-64", "r3-256"):
        eager = Training(check, check.config(name))
        before = check.ms(eager)
        del eager
        torch._dynamo.reset()
        counters.clear()
        began = time.monotonic()
        run = Training(check, check.config(name, compile="on"))
        checked, graphs = time.monotonic() - began, counters["unique_graphs"]
        run()
        check.wait()
        check.promise(f"{name}: compiles", run.state.note == "", run.state.note)
        check.promise("  a step runs the graphs that were checked", counters["unique_graphs"] == graphs, counters["unique_graphs"])
        took = check.ms(run)
        said = f"{took:.1f} ms, {1000 * run.config.batch / took:.0f} img/s, {before / took:.2f} x eager; check {checked:.0f} s"
        check.say("  a step", said, "1.3 - 1.6 x")


SECTIONS = (environment, layouts, steps, rounding, determinism, engine, memory, compiled)


def main(words: list[str]) -> int:
    """Run all sections for which there is time; 1 where a promise is broken or a section fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu.check")
    parser.add_argument("--seconds", type=float, default=460.0)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args(words)
    os.environ.setdefault(WORKSPACE, WORKSPACES[0])  # read once, by the first product of matrices
    check = Check(torch.device(options.device), options.small, options.seconds)
    if not check.gpu:
        torch.set_num_threads(1)
    for section in SECTIONS:
        if time.monotonic() - check.started > check.seconds:
            check.say(section.__name__, "left out: no time")
            continue
        try:
            section(check)
        except Exception:
            check.broken.append(section.__name__)
            traceback.print_exc()
        if check.gpu:
            torch.cuda.empty_cache()
    check.say("broken", ", ".join(check.broken) or "nothing")
    return 1 if check.broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
