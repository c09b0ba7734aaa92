"""Prepare shards in tests without a child process: what the child does is tested with the sandbox, and by whole ingests."""

import dataclasses

from ganray.catalog import shards
from ganray.catalog.cleaning import clean_in_child
from ganray.errors import ImageError


def prepare_shard(job, number):
    """`catalog.shards.prepare_shard`, decoding in this process."""

    def clean(batch):
        for data in batch:
            try:
                yield clean_in_child(data, **dataclasses.asdict(job.recipe))
            except ImageError as error:
                yield error

    return shards.prepare_shard(job, number, clean)
