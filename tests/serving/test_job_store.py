"""The state of jobs as objects: what several writers, and writers that are cut off, leave behind."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ganray.errors import ObjectExists
from ganray.serving.job_store import Conflict, Ended, JobRecord, JobStore, folder_of, new_claim, tenant_of
from ganray.serving.refusals import NotFound


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path):
    return JobStore(str(tmp_path / "jobs") if request.param == "folder" else f"memory://{tmp_path.name}/jobs")


def record_of(tenant="shop-a", **changes):
    claim = new_claim("")
    return JobRecord(claim.id, tenant, "k", "generate", claim.created, "result", **changes)


def test_another_server_reads_what_one_wrote(store):
    record = record_of(requests=2, images=3, options={"seed": 7}, webhook="https://shop.example/")
    store.add(record, {"seed": 7}, b'{"id": "a"}\n')
    other = JobStore(store.url)
    assert other.record("shop-a", record.id) == record
    assert list(other.open_jobs()) == [("shop-a", record.id)]
    assert b'"seed": 7' in other.config(record)
    assert other.ended(record) is None


def test_a_job_that_was_written_down_in_part_is_completed(store):
    """Cut off before each write of `add`, and sent again."""
    record, writes = record_of(), 0
    real = store.store.create
    for cut in range(4):
        left = cut

        def create(key, data):
            nonlocal left, writes
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            writes += 1
            return real(key, data)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store.store, "create", create)
            with pytest.raises(KeyboardInterrupt):
                store.add(record, {}, b"{}")
        with pytest.raises(NotFound):  # nobody sees half a job
            store.record("shop-a", record.id)
    store.add(record, {}, b"{}")
    assert store.record("shop-a", record.id) == record and writes == 6


def test_of_many_ends_one_counts(store):
    record, gate = record_of(), threading.Barrier(8)
    store.add(record, {}, None)

    def end(number):
        gate.wait()
        return store.end(record, Ended("cancelled" if number % 2 else "succeeded", float(number)))

    with ThreadPoolExecutor(8) as pool:
        ends = set(pool.map(end, range(8)))
    assert ends == {store.ended(record)}


def test_of_many_claims_of_a_key_one_counts(store):
    gate = threading.Barrier(8)

    def claim(_):
        gate.wait()
        return store.claim("shop-a", "key", "digest")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(claim, range(8)))) == 1
    with pytest.raises(Conflict) as refused:
        store.claim("shop-a", "key", "another")
    assert (refused.value.status, refused.value.code) == (409, "conflict")


def test_ids_sort_the_newest_first(monkeypatch):
    ids = []
    for seconds in (0.0, 1.0, 1.7e9, 1.7e9 + 0.001, 4e9, 1.7e10):
        monkeypatch.setattr("time.time", lambda seconds=seconds: seconds)
        ids.append(new_claim("").id)
    assert sorted(ids) == ids[::-1]


TENANTS = ["", "shop-a", "shop_a", "_", "_open", "_records", "..", ".", ".hidden", "a/b", "a\\b", "ü", "%2e", "A b", "_2e", "-", "x" * 64]


def test_each_tenant_has_a_folder_of_its_own():
    folders = [folder_of(tenant) for tenant in TENANTS]
    assert len(set(folders)) == len(TENANTS)
    assert [tenant_of(folder) for folder in folders] == TENANTS
    for folder in folders:
        assert "/" not in folder and not folder.startswith(".") and folder not in ("_open", "_records", "_state", "_keys")


def test_tenants_do_not_see_each_other(store):
    records = {tenant: record_of(tenant) for tenant in TENANTS}
    for record in records.values():
        store.add(record, {}, None)
    for tenant, record in records.items():
        assert store.records(tenant, "", 10) == [record]
        assert list(store.open_jobs(tenant)) == [(tenant, record.id)]
        store.store.put(f"{record.out_key}/plan.json", b"{}")
    assert sorted(store.open_jobs()) == sorted((tenant, record.id) for tenant, record in records.items())
    with pytest.raises(NotFound):
        store.record("shop-a", records["shop_a"].id)


@pytest.mark.parametrize("id", ["", "x", "../shop_a/0", "0" * 24, "g" * 11 + "-" + "0" * 12, "00000000000-000000000000\n"])
def test_an_id_that_is_none(store, id):
    with pytest.raises(NotFound):
        store.record("shop-a", id)


def test_open_jobs_come_oldest_first_and_close(store, monkeypatch):
    records = []
    for seconds in (1e9, 2e9, 3e9):
        monkeypatch.setattr("time.time", lambda seconds=seconds: seconds)
        records.append(record_of())
        store.add(records[-1], {}, None)
    assert [id for _, id in store.open_jobs()] == [record.id for record in records]
    store.close(records[1])
    store.close(records[1])
    assert [id for _, id in store.open_jobs()] == [records[0].id, records[2].id]


def test_notes_are_written_once(store):
    record = record_of()
    assert [store.note(record, "webhook/00", {"at": at}) for at in (1, 2)] == [True, False]
    assert store.read(record, "webhook/00") == {"at": 1}
    assert store.notes(record, "webhook") == {"00"}
    assert store.read(record, "webhook/01") is None
    with pytest.raises(ObjectExists):
        store.store.create(f"_state/shop-a/{record.id}/webhook/00.json", b"")
