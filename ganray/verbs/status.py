"""The verb `status`: how far a bulk job is, from what lies in its store; whoever runs it, and wherever. Starts no Ray."""

from __future__ import annotations

import json
import time
from typing import Any

from ganray.bulk.commit import finished
from ganray.bulk.status import Status, read_status
from ganray.config import StatusConfig
from ganray.errors import StorageError
from ganray.storage import open_store

SILENT_S = 60.0  # without news, a job that is not finished counts as cut off


def status(config: StatusConfig) -> dict[str, Any]:
    """What there is to say of the job; raises StorageError where none lies in that place.

    >>> try:
    ...     ganray.status(ganray.StatusConfig(job="nowhere"))
    ... except ganray.StorageError as error:
    ...     print(error.remedy)
    Give the --out of a ganray generate or edit
    """
    store = open_store(config.job)
    if not store.exists("plan.json"):
        raise StorageError(f"{store.url} holds no bulk job: there is no plan.json", "Give the --out of a ganray generate or edit")
    plan = json.loads(store.get("plan.json"))
    if store.exists("job.json"):
        job = json.loads(store.get("job.json"))
        return {"job": store.url, "state": "done", **{name: job[name] for name in ("requests", "images", "quarantined", "created")}}
    shards = len(finished(store))
    done = min(plan["images"], shards * plan["shard_images"])
    facts = {"job": store.url, "state": "not begun", "requests": plan["requests"], "images": plan["images"]}
    facts |= {"finished shards": f"{shards:,} of {plan['shards']:,}, about {100 * done / plan['images']:.1f} % of the images"}
    return facts | (_news(found) if (found := read_status(store)) else {})


def _news(found: Status) -> dict[str, Any]:
    age = time.time() - found.updated
    state = found.state
    if state == "running" and age > SILENT_S:
        state = f"cut off, no news for {age:,.0f} s: run the same command again, finished work is kept"
    facts: dict[str, Any] = {"state": state, "this command": f"{found.written:,} written, {found.existing:,} existing"}
    facts["this command"] += f", {found.quarantined:,} quarantined; {found.images_per_s:,.1f} img/s"
    if found.eta_s is not None and state == "running":
        facts["ETA"] = f"{found.eta_s:,.0f} s"
    if found.cost is not None:
        facts["cost so far"] = round(found.cost, 2)
    return facts | {"last news": f"{age:,.0f} s ago"}
