import pytest
import torch

from ganray.adam import SLOTS, Adam
from tests.tools.commands import run_command


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_it_is_torchs_to_the_bit(decay):
    """With rates that change between steps, as schedules change them."""
    rng = torch.Generator().manual_seed(0)
    ours, theirs = ([torch.nn.Parameter(torch.ones(shape) / 3) for shape in ((4, 3), (5,), (2, 2, 3, 3))] for _ in range(2))
    optimizer = Adam(ours, 1e-3, (0.0, 0.9), decay)
    known = torch.optim.AdamW(theirs, weight_decay=decay) if decay else torch.optim.Adam(theirs, fused=True)
    for step in range(5):
        gradients = [torch.randn(parameter.shape, generator=rng) for parameter in ours]
        optimizer.lr, optimizer.betas = 1e-3 / (step + 1), (0.1 * step, 0.9 + 0.01 * step)
        known.param_groups[0].update(lr=optimizer.lr, betas=optimizer.betas)
        optimizer.step(gradients)
        for parameter, gradient in zip(theirs, gradients, strict=True):
            parameter.grad = gradient
        known.step()
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)
        assert all(torch.equal(optimizer.state[one][slot], known.state[other][slot]) for slot in SLOTS)


def test_a_step_does_not_load_the_compiler(tmp_path):
    """Nor does any of what a command imports before."""
    (tmp_path / "step.py").write_text("""
import sys, torch
from ganray.adam import Adam
weight = torch.nn.Parameter(torch.ones(3))
for decay in (0.0, 0.01):
    Adam([weight], 0.1, (0.9, 0.99), decay).step([torch.ones(3)])
print("torch._dynamo" in sys.modules, weight[0].item() < 1)
sys.exit()
""")
    assert run_command([tmp_path / "step.py"]).stdout == "False True\n"
