import json
import sys

import torch

from ganray.training.consensus import Consensus
from ganray.training.context import Decision
from tests.tools.commands import start_command


def test_a_single_worker_gets_its_request_at_once():
    consensus = Consensus(1)
    assert [consensus.exchange(decision) for decision in Decision] == list(Decision)
    assert consensus.broadcast("text") == "text"
    assert consensus.maximum(3) == 3
    consensus.barrier()


def test_what_one_rank_requests_all_do_after_the_next_step(tmp_path):
    """Two processes of gloo, of this file."""
    processes = [start_command([__file__, rank, tmp_path]) for rank in ("0", "1")]
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    results = [json.loads((tmp_path / f"rank-{rank}").read_text()) for rank in (0, 1)]
    assert results[0] == results[1]
    assert results[0] == {"decisions": [0, 0, 1, 0, 2, 3], "text": "of rank 0", "maximum": 1}


def run_rank(rank, folder):
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    consensus = Consensus(2)
    requests = [
        (Decision.GO_ON, Decision.GO_ON),
        (Decision.GO_ON, Decision.CHECKPOINT),
        (Decision.GO_ON,) * 2,
        (Decision.FINISH, Decision.CHECKPOINT),
        (Decision.HAND_OVER, Decision.GO_ON),
    ]
    decisions = [int(consensus.exchange(request[rank])) for request in [*requests, (Decision.GO_ON, Decision.GO_ON)]]
    result = {"decisions": decisions, "text": consensus.broadcast(f"of rank {rank}"), "maximum": consensus.maximum(rank)}
    consensus.barrier()
    with open(f"{folder}/rank-{rank}", "w") as file:  # noqa: PTH123
        json.dump(result, file)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    sys.exit(run_rank(int(sys.argv[1]), sys.argv[2]))
