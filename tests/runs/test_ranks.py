import sys

import torch

from ganray.catalog.order import Share
from ganray.runs.ranks import Ranks
from ganray.training.consensus import Consensus
from tests.tools.commands import start_command


def test_the_mean_over_workers_is_by_their_shares(tmp_path):
    """Two processes of gloo, of this file: `average` on tensors of different shapes, and on a single one."""
    processes = [start_command([__file__, rank, tmp_path / "store"]) for rank in ("0", "1")]
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said


def average(rank, path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{path}", rank=rank, world_size=2)
    share = Share.of_rank(rank, 2, 3, 12)  # one lane of three, and two
    ranks = Ranks(rank, 2, torch.device("cpu"), share, Consensus(2))
    tensors = [torch.full((2, 3), float(rank)), torch.tensor([10.0 * rank, 1.0])]
    ranks.average(tensors)()
    assert torch.allclose(tensors[0], torch.full((2, 3), 2 / 3))
    assert torch.allclose(tensors[1], torch.tensor([20 / 3, 1.0]))
    alone = torch.tensor([10.0 * rank, 1.0])
    ranks.average([alone])()
    assert torch.allclose(alone, torch.tensor([20 / 3, 1.0]))
    torch.distributed.destroy_process_group()


def test_a_single_worker_has_the_whole_batch_and_needs_no_group():
    ranks = Ranks.single(torch.device("cpu"), batch=12, lanes=3)
    assert (ranks.rank, ranks.world_size, ranks.share.places) == (0, 1, range(12))
    tensors = [torch.ones(2)]
    assert ranks.average(tensors) is None
    assert torch.equal(tensors[0], torch.ones(2))
    assert not ranks.termination_requested.is_set()


if __name__ == "__main__":
    sys.exit(average(int(sys.argv[1]), sys.argv[2]))
