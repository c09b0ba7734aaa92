import torch

from ganray.runs.run_context import gpu_memory


def test_only_a_gpu_reports_its_memory(monkeypatch):
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: 3 * 2**29)
    assert gpu_memory(torch.device("cpu")) == {}
    assert gpu_memory(torch.device("cuda")) == {"gpu_gib": 1.5}
