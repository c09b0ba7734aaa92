"""What an edit job will take, before anything is spent: a few of its photos are edited here, and multiplied."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from ganray.bulk.edit_job import EditJob
from ganray.bulk.edit_shard import ShardEditor
from ganray.bulk.estimate import BYTES_BESIDE, three_digits, time_and_cost
from ganray.requests import EditRequest

SAMPLE = 12  # requests that are tried, evenly taken from all of them
PHOTO_SECONDS, LEARNED_SECONDS = 0.5, 1.0  # CPU time of a photo of 1,000 px, without and with networks (tests/benchmarks/LOG.md)


def cpu_seconds(images: int, learned: bool) -> float:
    """A rough guess, made without a look at the photos: CPU time on one core. `estimate` tries some of them instead."""
    return images * (LEARNED_SECONDS if learned else PHOTO_SECONDS)


def estimate(editor: ShardEditor, requests: Iterator[EditRequest], plan: EditJob, workers: int, price: float) -> dict[str, Any]:
    """Images, bytes, hours and cost of the whole job, as if `workers` cores did what one does here; and why photos among those tried cannot
    have their edits. `price` is of an hour of the cluster."""
    reasons: Counter[str] = Counter()
    sizes: list[int] = []
    seconds = 0.0
    tried = list(islice(requests, 0, None, max(1, plan.requests // SAMPLE)))
    editor.attempt(tried[0])  # the first one pays for what is made once
    for request in tried:
        started = time.perf_counter()
        receipts = editor.attempt(request)
        seconds += time.perf_counter() - started
        reasons.update(receipt.reason for receipt in receipts if receipt.reason)
        sizes += [receipt.bytes for receipt in receipts]
    return {
        "requests": plan.requests,
        "images": plan.images,
        "shards": plan.shards,
        "edits": plan.chain,
        "tried": len(sizes),
        "without result": ", ".join(f"{num} {reason}" for reason, num in reasons.most_common()) or "none",
        "gigabytes": three_digits(plan.images * (sum(sizes) / len(sizes) + BYTES_BESIDE) / 1e9),
    } | time_and_cost(plan.images, workers * len(sizes) / seconds, price)
