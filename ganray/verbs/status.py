"""The verb `status`: the progress of a bulk job, from the objects in its store, on any machine. Starts no Ray."""

from __future__ import annotations

import json
import time
from typing import Any

from ganray.bulk.commit import finished
from ganray.bulk.status import Status, read_status
from ganray.config import StatusConfig
from ganray.errors import StorageError
from ganray.storage import open_store

STALE_S = 60.0  # without an update, a job that is not finished counts as interrupted


def status(config: StatusConfig) -> dict[str, Any]:
    """The state and progress of the job. Raises StorageError where there is none.

    >>> try:
    ...     ganray.status(ganray.StatusConfig(job="nowhere"))
    ... except ganray.StorageError as error:
    ...     print(error.remedy)
    Give the --out of a ganray generate or edit
    """
    store = open_store(config.job)
    if not store.exists("plan.json"):
        raise StorageError(f"{store.url} is not a bulk job: it has no plan.json", "Give the --out of a ganray generate or edit")
    plan = json.loads(store.get("plan.json"))
    if store.exists("job.json"):
        job = json.loads(store.get("job.json"))
        names = [name for name in ("requests", "images", "quarantined", "ranked_out", "created") if name in job]
        return {"job": store.url, "state": "done", **{name: job[name] for name in names}}
    shards = len(finished(store))
    even = plan["images"] / plan["shards"] if plan.get("shard_sizes") else plan["shard_images"]
    done = min(plan["images"], shards * even)
    facts = {"job": store.url, "state": "not begun", "requests": plan["requests"], "images": plan["images"]}
    facts |= {"finished shards": f"{shards:,} of {plan['shards']:,}, about {100 * done / plan['images']:.1f} % of the images"}
    return facts | (_progress(live) if (live := read_status(store)) else {})


def _progress(status: Status) -> dict[str, Any]:
    """The rows of status.json."""
    age = time.time() - status.updated
    state = status.state
    if state == "running" and age > STALE_S:
        state = f"interrupted, no update for {age:,.0f} s: run the same command again, finished work is kept"
    facts: dict[str, Any] = {"state": state, "this command": f"{status.written:,} written, {status.existing:,} existing"}
    facts["this command"] += f", {status.quarantined:,} quarantined; {status.images_per_s:,.1f} img/s"
    if status.eta_s is not None and state == "running":
        facts["ETA"] = f"{status.eta_s:,.0f} s"
    if status.cost is not None:
        facts["cost so far"] = round(status.cost, 2)
    return facts | {"last update": f"{age:,.0f} s ago"}
