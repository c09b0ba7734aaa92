import json

import torch

from ganray.training.consensus import Consensus
from ganray.training.context import Decision


def test_a_lone_worker_gets_its_wish_at_once():
    agreement = Consensus(1)
    assert [agreement.exchange(turn) for turn in Decision] == list(Decision)
    assert agreement.tell("word") == "word"
    assert agreement.most(3) == 3
    agreement.meet()


def test_what_one_rank_wishes_all_do_after_the_next_step(tmp_path):
    torch.multiprocessing.spawn(_rank, args=(str(tmp_path),), nprocs=2)
    heard = [json.loads((tmp_path / f"rank-{rank}").read_text()) for rank in (0, 1)]
    assert heard[0] == heard[1]
    assert heard[0] == {"turns": [0, 0, 1, 0, 2, 3], "word": "of rank 0", "most": 1}


def _rank(rank, folder):
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    agreement = Consensus(2)
    wishes = [
        (Decision.GO_ON, Decision.GO_ON),
        (Decision.GO_ON, Decision.KEEP),
        (Decision.GO_ON,) * 2,
        (Decision.FINISH, Decision.KEEP),
        (Decision.LEAVE, Decision.GO_ON),
    ]
    turns = [int(agreement.exchange(wish[rank])) for wish in [*wishes, (Decision.GO_ON, Decision.GO_ON)]]
    said = {"turns": turns, "word": agreement.tell(f"of rank {rank}"), "most": agreement.most(rank)}
    agreement.meet()
    with open(f"{folder}/rank-{rank}", "w") as file:  # noqa: PTH123
        json.dump(said, file)
    torch.distributed.destroy_process_group()
