import pytest

from ganray.bulk import duplicate_ids
from ganray.bulk.duplicate_ids import DuplicateIds
from ganray.errors import RequestError
from ganray.requests import GenerateRequest


@pytest.mark.parametrize("run", [7, 100, 1 << 20])
def test_the_same_ids_are_found_in_memory_and_on_the_disk(monkeypatch, run):
    monkeypatch.setattr(duplicate_ids, "RUN", run)
    ids = [f"SKU-{number}" for number in range(1000)]
    ids += ["SKU-3", "SKU-999"]
    found = DuplicateIds()
    assert found.twice() == set()
    for id in ids:
        found.add(id)
    assert len(found) == 1002
    assert found.twice() == {DuplicateIds.hash("SKU-3"), DuplicateIds.hash("SKU-999")}
    found.add("SKU-4")  # more may come after a look
    assert len(found.twice()) == 3
    with pytest.raises(RequestError, match="'SKU-3' comes twice, in rows 4 and 1001"):
        found.check(lambda: (GenerateRequest(id=id) for id in ids))


@pytest.mark.parametrize("run", [10, 1 << 20])
def test_different_ids_do_not_make_the_table_be_read_again(monkeypatch, run):
    monkeypatch.setattr(duplicate_ids, "RUN", run)
    found = DuplicateIds()
    for number in range(30):
        found.add(str(number))
    found.check(lambda: pytest.fail("read again"))
