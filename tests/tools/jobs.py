"""Photos for bulk jobs, and what the jobs leave behind."""

import io
import os
import signal
import time

import pyarrow.parquet as pq

from ganray.storage import open_store
from tests.tools.commands import start_command


def put_photos(url, photos):
    """Put photos (key -> bytes) under a URL; returns their store."""
    store = open_store(str(url))
    for key, data in photos.items():
        store.put(key, data)
    return store


def contents(url):
    """Key -> bytes of every object of a job but its status, which has times in it."""
    store = open_store(str(url))
    return {info.key: store.get(info.key) for info in store.list() if info.key != "status.json"}


def rows_of(url, table="manifest"):
    """The rows of a Parquet table of a job."""
    return pq.read_table(io.BytesIO(open_store(str(url)).get(f"{table}.parquet"))).to_pylist()


def kill_at_the_first_image(verb, config, folder):
    """Run a job by its command, and kill it (SIGKILL) with all that it has started as soon as it has written an image."""
    (folder / "job.yaml").write_text(config.model_dump_json(exclude_unset=True))
    store = open_store(config.out)
    with start_command([verb, "--config", folder / "job.yaml"], stdout=None, stderr=None, start_new_session=True) as process:
        deadline = time.monotonic() + 300
        while not any(store.list("images")) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    assert not store.exists("job.json")
