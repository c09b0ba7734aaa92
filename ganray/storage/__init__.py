"""Objects in files, memory or buckets: `open_store(url)` gives the same methods for every store.

store.py      Store: the interface, and what all stores share
schemes.py    SCHEMES: URL scheme -> how to open it; `open_store`, `open_object`, `absolute_url`
local.py      plain paths and file://, in plain Python (atomic writes, sorted listing)
remote.py     s3://, gs://, az://, memory:// over obstore
buckets.py    obstore's clients for S3, Google and Azure, with one retry and timeout policy
aws.py        the endpoint, region and credentials that boto3 finds
conditional.py  whether a bucket honours conditional writes, which bulk jobs need
failures.py   errors of the system and of obstore -> errors of ganray.errors
files.py      a remote object as a file to read
"""

from ganray.storage.schemes import SCHEMES, absolute_url, open_object, open_store
from ganray.storage.store import ObjectInfo, Store

__all__ = ["SCHEMES", "ObjectInfo", "Store", "absolute_url", "open_object", "open_store"]
