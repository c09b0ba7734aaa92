"""Bytes under keys, wherever they lie: `open_store(url)` and the same ten verbs on every store.

store.py      Store: the contract, and what every store does alike
schemes.py    SCHEMES: URL scheme -> how to open it; `open_store`, `open_object`
local.py      plain paths and file://, in plain Python (atomic writes, sorted listing, compare-and-swap under a lock)
remote.py     s3://, gs://, az://, memory:// over obstore
buckets.py    obstore's clients for S3, Google and Azure, with one bound on their patience
aws.py        the endpoint, region and credentials that boto3 finds
failures.py   what went wrong below -> one line of errors.py
files.py      a remote object as a file
arrow.py      a store as a pyarrow filesystem, for Ray Train
"""

from ganray.storage.arrow import arrow_filesystem
from ganray.storage.schemes import SCHEMES, open_object, open_store
from ganray.storage.store import ObjectInfo, Store

__all__ = ["SCHEMES", "ObjectInfo", "Store", "arrow_filesystem", "open_object", "open_store"]
