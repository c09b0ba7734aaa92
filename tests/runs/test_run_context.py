import torch

from ganray.runs.messages import Grid, Note
from ganray.runs.run_context import RunContext, gpu_memory


def test_only_a_gpu_reports_its_memory(monkeypatch):
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: 3 * 2**29)
    assert gpu_memory(torch.device("cpu")) == {}
    assert gpu_memory(torch.device("cuda")) == {"gpu_gib": 1.5}


def test_a_grid_that_does_not_fit_beside_training_is_a_note():
    context, sent = object.__new__(RunContext), []
    context.send = sent.append

    def too_large():
        raise torch.OutOfMemoryError("CUDA out of memory")

    context._draw((20.0, too_large))
    context._draw((40.0, lambda: b"png"))
    assert sent == [Note("no sample grid at 20 kimg: it did not fit into the GPU's memory beside training"), Grid(40.0, b"png")]
