"""The bare training loop on two hosts: ganray's step and gloo between its ranks, no Ray and no data pipeline.

    python -m tests.cluster.bare_ranks RANK ADDRESS CATALOG IMAGES

prints the images a second of both ranks together.
"""

from __future__ import annotations

import sys

import torch
import torch.distributed as dist

from ganray.catalog.order import Share
from ganray.config import TrainConfig
from ganray.presets import preset
from ganray.runs.ranks import Ranks
from ganray.runs.throughput import plain_loop
from ganray.training.consensus import Consensus

WORLD, PRESET = 2, "demo-32"


def config(catalog: str) -> TrainConfig:
    """What is trained: the preset's batch for each rank."""
    base = preset(PRESET)
    return base.model_copy(update={"catalog": catalog, "batch": WORLD * base.batch})


def main(rank: int, address: str, catalog: str, images: int) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://{address}:29500", rank=rank, world_size=WORLD)
    whole = config(catalog)
    ranks = Ranks(rank, WORLD, torch.device("cpu"), Share.of_rank(rank, WORLD, WORLD, whole.batch), Consensus(WORLD))
    one = whole.model_copy(update={"batch": whole.batch // WORLD})
    dist.barrier()
    print(WORLD * plain_loop(one, images // WORLD, 1, ranks.average), flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
