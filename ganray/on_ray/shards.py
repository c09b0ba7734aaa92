"""The shards of a bulk job through Ray Data: one block a shard all the way, tallies back, errors of ours as themselves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

import ray.data

from ganray.bulk import commit
from ganray.on_ray.errors import find_ganray_error


def tallies(todo: Sequence[int], work: Callable[[ray.data.Dataset], ray.data.Dataset]) -> Iterator[commit.Tally]:
    """What came of each shard of `todo`, as it comes. `work` maps a data set of rows {"shard": number} to one of tallies."""
    if not todo:
        return
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what it logs is raised, too
    try:
        dataset = ray.data.from_items([{"shard": shard} for shard in todo], override_num_blocks=len(todo))
        dataset.context.enable_progress_bars = False
        dataset.context.raise_original_map_exception = True  # the wrapped one loses its cause on the way here
        for batch in work(dataset).iter_batches(batch_size=None):
            for row in zip(*(batch[name].tolist() for name in commit.Tally._fields), strict=True):
                yield commit.Tally(*row)
    except Exception as error:
        known = find_ganray_error(error)
        if known is None:
            raise
        raise known from error
