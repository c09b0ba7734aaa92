import pytest
import torch

from ganray.output.device import describe_device


def test_a_cpu_is_a_cpu():
    assert describe_device("cpu") == "cpu"


@pytest.fixture
def card(monkeypatch):
    """A card, as CUDA would describe it: none is here."""

    def insert(name, capability):
        monkeypatch.setattr(torch, "__version__", "2.13.0+cu130")
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 92000)

    return insert


@pytest.mark.parametrize(
    ("name", "capability", "described"),
    [
        ("NVIDIA L4", (8, 9), "NVIDIA L4 (8.9) torch 2.13.0 cudnn 92000 tf32"),
        ("Tesla T4", (7, 5), "Tesla T4 (7.5) torch 2.13.0 cudnn 92000 fp32"),  # a card without TF32
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", (8, 0), "NVIDIA A100-SXM4-40GB MIG 1g.5gb (8.0) torch 2.13.0 cudnn 92000 tf32"),
    ],
)
def test_a_gpu_is_named_with_all_that_its_bits_depend_on(card, name, capability, described):
    card(name, capability)
    assert describe_device("cuda") == described


def test_tf32_is_said_only_where_it_is_on(card, monkeypatch):
    card("NVIDIA L4", (8, 9))
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    assert describe_device("cuda").endswith(" fp32")
