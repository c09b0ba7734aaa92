"""Prepare shards in tests: one decoder process for each recipe, shared by all of them."""

import functools

from ganray.catalog import shards
from ganray.catalog.cleaning import sandbox

decoder = functools.lru_cache(maxsize=1)(sandbox)


def prepare_shard(job, number):
    """`catalog.shards.prepare_shard` with the shared decoder."""
    return shards.prepare_shard(job, number, lambda batch: decoder(job.recipe).map(batch))
