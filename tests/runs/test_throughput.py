import pytest
import torch

from ganray.runs.throughput import bare_rate, plain_loop
from tests.tools.runs import tiny

IMAGES = 48


@pytest.fixture
def config(small_catalog, tmp_path):
    return tiny(small_catalog, tmp_path / "out")


def test_the_bare_loop_has_a_rate_in_a_process_of_its_own(config):
    assert bare_rate(config, IMAGES, 1) > 0


def test_it_runs_where_the_run_would(config, monkeypatch):
    """A step of a large preset takes half an hour of a CPU: the figure beside a run on a GPU is not of that."""

    def fail(*args):
        raise AssertionError("it goes to the GPU")

    threads = torch.get_num_threads()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "_lazy_init", fail)
    for gpu in (None, True):
        with pytest.raises(AssertionError, match="it goes to the GPU"):
            plain_loop(config.model_copy(update={"gpu": gpu}), IMAGES, 1)
    assert plain_loop(config.model_copy(update={"gpu": False}), IMAGES, 1) > 0
    torch.set_num_threads(threads)


def test_ranks_average_in_every_step(config):
    calls, threads = [], torch.get_num_threads()
    plain_loop(config, IMAGES, 1, calls.append)
    assert len(calls) >= IMAGES // config.batch
    torch.set_num_threads(threads)
