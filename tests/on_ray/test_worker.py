import torch

from ganray.on_ray.worker import memory


def test_only_a_gpu_has_memory_to_tell_of(monkeypatch):
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: 3 * 2**29)
    assert memory(torch.device("cpu")) == {}
    assert memory(torch.device("cuda")) == {"gpu_gib": 1.5}
