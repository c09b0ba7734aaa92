from __future__ import annotations

from functools import partialmethod

import pytest
import torch
import torch._dynamo.utils

from ganray.config import AugmentConfig, LossConfig, ModelConfig, TrainConfig
from ganray.errors import ConfigError
from ganray.presets import preset
from ganray.training.compiling import compile_networks, compiles
from ganray.training.draws import step_draws
from ganray.training.schedules import hyper
from ganray.training.state import create_state
from ganray.training.step import StepInputs, train_step

CPU, GPU = torch.device("cpu"), torch.device("cuda")
CONFIG = TrainConfig(
    model=ModelConfig(resolution=8, widths=(8,), z_dim=8, embed_dim=8, group_channels=8, patch=2),
    batch=8,
    precision="fp32",
    augment=AugmentConfig(p=0.5),
)


def with_(config: TrainConfig, compile: str, penalty: str = "finite") -> TrainConfig:
    return config.model_copy(update={"compile": compile, "loss": LossConfig(penalty=penalty, gamma=0.3)})


def test_auto_is_a_long_run_on_a_gpu_with_a_compiler_and_penalties_that_it_takes(monkeypatch):
    long = CONFIG.model_copy(update={"kimg": 20_000.0})
    monkeypatch.setattr("ganray.training.compiling._headers", lambda: True)
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/gcc")
    assert compiles(with_(long, "auto"), GPU)
    assert not compiles(with_(CONFIG, "auto"), GPU)
    assert not compiles(with_(long, "auto"), CPU)
    assert not compiles(with_(long, "auto", "exact"), GPU)
    assert not compiles(with_(long, "off"), GPU)
    assert compiles(with_(CONFIG, "on", "none"), CPU)
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert not compiles(with_(long, "auto"), GPU)
    names = ("demo-32", "r3-64", "r3-128", "r3-256")
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/gcc")
    assert [compiles(preset(name), GPU) for name in names] == [False, True, True, True]


def test_a_long_run_on_a_gpu_without_a_compiler_is_told(monkeypatch):
    state = create_state(CONFIG, (3,))
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("ganray.training.compiling._wanted", lambda config, device: True)
    said = compile_networks(with_(CONFIG, "auto"), state.generator, state.discriminator)
    assert said.startswith("torch.compile needs a C compiler and Python's headers, and they are not installed")


def test_what_does_not_fit_into_memory_stays_eager(monkeypatch):
    state = create_state(CONFIG, (3,))

    def compile(network, **options):
        def compiled(*inputs):
            raise torch.OutOfMemoryError("CUDA out of memory")

        network._compiled_call_impl = compiled

    monkeypatch.setattr(torch.nn.Module, "compile", compile)
    warning = compile_networks(with_(CONFIG, "on"), state.generator, state.discriminator)
    assert warning == "torch.compile needs more memory than there is: training goes on uncompiled"
    assert state.discriminator._compiled_call_impl is None


def test_a_compiler_that_fails_is_told_where_nobody_asked_for_it(monkeypatch):
    def compile(network, **options):
        def compiled(*inputs):
            raise RuntimeError("Python.h: no such file\nand more")

        network._compiled_call_impl = compiled

    monkeypatch.setattr(torch.nn.Module, "compile", compile)
    state = create_state(CONFIG, (3,))
    with pytest.raises(RuntimeError, match=r"Python\.h"):
        compile_networks(with_(CONFIG, "on"), state.generator, state.discriminator)
    monkeypatch.setattr("ganray.training.compiling.compiles", lambda config, device: True)
    warning = compile_networks(with_(CONFIG, "auto"), state.generator, state.discriminator)
    assert warning == "torch.compile failed (RuntimeError: Python.h: no such file): training goes on uncompiled"
    assert state.generator._compiled_call_impl is None


def test_batch_norm_does_not_learn_from_the_check(monkeypatch):
    monkeypatch.setattr(torch.nn.Module, "compile", partialmethod(torch.nn.Module.compile, backend="eager"))
    model = ModelConfig(name="dcgan", resolution=8, widths=(8,), z_dim=4)
    config = with_(CONFIG, "on", "none").model_copy(update={"model": model})
    state, eager = create_state(config, (3,)), create_state(config.model_copy(update={"compile": "off"}), (3,))
    assert state.generator._compiled_call_impl is not None
    assert all(torch.equal(value, eager.export()[0][name]) for name, value in state.export()[0].items())
    assert state.generator.layers[1].num_batches_tracked == 0


def test_exact_penalties_do_not_compile_and_say_so():
    with pytest.raises(ConfigError, match=r"compile = on with loss.penalty = exact.*--loss.penalty finite"):
        create_state(with_(CONFIG, "on", "exact"), (3,))


def test_a_network_whose_compiled_gradients_are_wrong_stays_eager(monkeypatch):
    """A stand-in for a compiler that is wrong: the images are right, half of every gradient is lost."""
    state = create_state(CONFIG, (3,))

    def compile(network, **options):
        def compiled(*inputs):
            right = network.forward(*inputs)
            return right.detach() + 0.5 * (right - right.detach())

        network._compiled_call_impl = compiled

    monkeypatch.setattr(torch.nn.Module, "compile", compile)
    warning = compile_networks(with_(CONFIG, "on"), state.generator, state.discriminator)
    assert warning == "torch.compile gives wrong gradients (basis): training goes on uncompiled"
    assert state.generator._compiled_call_impl is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch's own compiler
@pytest.mark.parametrize(
    ("precision", "num", "tolerance", "backend"),
    [
        ("fp32", 2, 1e-3, "aot_eager"),
        pytest.param("fp32", 3, 1e-3, "inductor", marks=pytest.mark.long),
        pytest.param("bf16", 1, 0.05, "inductor", marks=pytest.mark.long),
    ],
)
def test_compiled_steps_are_the_eager_ones(precision, num, tolerance, backend, monkeypatch):
    """With finite differences: the same numbers up to the order of sums (and rounding: bf16 drifts apart), the same names of weights.

    The short form traces the networks and their gradients as any compilation does, and leaves out a minute of the C++ compiler.
    """
    monkeypatch.setattr(torch.nn.Module, "compile", partialmethod(torch.nn.Module.compile, backend=backend))

    def steps(compile: str) -> tuple[list[dict[str, float]], set[str]]:
        config = with_(CONFIG, compile).model_copy(update={"precision": precision})
        torch._dynamo.reset()
        counters = torch._dynamo.utils.counters["stats"]
        counters.clear()
        state, rng = create_state(config, (3,)), torch.Generator().manual_seed(0)
        assert counters["unique_graphs"] == (3 if compile == "on" else 0)  # G, D, and D in G's half
        assert (state.note, state.generator._compiled_call_impl is not None) == ("", compile == "on")
        rows = []
        for _ in range(num):
            real, label = torch.rand(8, 3, 8, 8, generator=rng) * 2 - 1, torch.randint(3, (8, 1), generator=rng)
            draws = step_draws(0, state.num_images, 8)
            metrics = train_step(state, real, label, StepInputs(config, hyper(config, state.num_images), draws, None))
            state.num_images += 8
            rows.append({name: value.item() for name, value in metrics.items()})
        assert counters["unique_graphs"] == (3 if compile == "on" else 0)  # a step runs what was checked, and nothing else
        return rows, set(state.export()[0])

    (eager, names), (compiled, same) = steps("off"), steps("on")
    assert names == same
    for was, now in zip(eager, compiled, strict=True):
        assert now == pytest.approx(was, rel=tolerance, abs=tolerance)
