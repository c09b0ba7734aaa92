"""Photos for bulk jobs, and what the jobs leave behind."""

import io

import pyarrow.parquet as pq

from ganray.storage import open_store


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
