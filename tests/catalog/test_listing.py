import numpy as np
import pyarrow as pa
import pytest

from ganray.catalog import listing
from ganray.catalog.listing import Listing, Parts
from ganray.catalog.shard_paths import key_hashes

SCHEMA = pa.schema([("key", pa.string()), ("place", pa.int32())])


def listed(num: int, each: int) -> Listing:
    rows = Listing(SCHEMA)
    for start in range(0, num, each):
        places = list(range(start, min(num, start + each)))
        rows.add(pa.record_batch([[f"mug/{place}.jpg" for place in places], places], SCHEMA))
    return rows


@pytest.mark.parametrize("of", [1, 4, 256, 512])
@pytest.mark.parametrize("held", [100, 1 << 16])
def test_parts_are_all_rows_in_the_order_of_their_hashes(monkeypatch, of, held):
    monkeypatch.setattr(listing, "BUFFER_ROWS", held)
    rows = listed(3000, 70)
    parts = Parts(rows, of)
    assert (rows.num_rows, len(parts)) == (3000, of)
    hashes = key_hashes(f"mug/{place}.jpg" for place in range(3000))
    order = np.argsort(hashes, kind="stable")
    tables = list(parts)
    assert [place for table in tables for place in table.column("place").to_pylist()] == order.tolist()
    assert tables[0].column_names == ["key", "place"]
    assert parts[of - 1] == tables[-1]  # in any order
    assert parts[0] == tables[0]
    for number, table in enumerate(tables[:8]):
        assert all(int(value) * of >> 64 == number for value in key_hashes(table.column("key").to_pylist()))


def test_a_part_beyond_the_end():
    with pytest.raises(IndexError):
        Parts(listed(10, 10), 2)[2]
