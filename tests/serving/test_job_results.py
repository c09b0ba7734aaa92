"""Results of bulk jobs as pages and files: of every layout, of jobs that run, and of large ones."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ganray.bulk import commit
from ganray.config import EditConfig, GenerateConfig
from ganray.images.provenance import read_label
from ganray.serving.job_results import LEFT_OUT, read_page, read_result
from ganray.serving.refusals import NotFound
from ganray.storage import open_store
from ganray.verbs.edit import edit
from ganray.verbs.generate import generate
from tests.tools.jobs import put_photos
from tests.tools.models import ATTRIBUTES, save_untrained_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_untrained_model(str(tmp_path_factory.mktemp("model")), ATTRIBUTES, 8)


@pytest.fixture(scope="module", params=["objects", "parquet", "webdataset"])
def out(request, tmp_path_factory, model):
    """Ten images in shards of four."""
    url = str(tmp_path_factory.mktemp(request.param))
    generate(GenerateConfig(model=model, num=10, shard_images=4, out=url, layout=request.param, executor="local", threads=1))
    return open_store(url)


def test_every_row_leads_to_its_file(out):
    page = read_page(out, False, 0, 100)
    assert (len(page.rows), page.next, page.complete) == (10, None, True)
    for row in page.rows:
        data, media_type = read_result(out, row["name"])
        assert media_type == "image/png"
        assert read_label(data)["ganray:RequestID"] == f"{row['id']}-{row['index']}"
    assert not {"key", "member", "model_digest"} & set(page.rows[0]) and page.rows[0]["attributes"]


@pytest.mark.parametrize("limit", [1, 3, 4, 9, 10, 11])
def test_pages_have_every_row_once(out, limit):
    whole, rows, offset = read_page(out, False, 0, 100).rows, [], 0
    while offset is not None:
        page = read_page(out, False, offset, limit)
        assert len(page.rows) <= limit
        rows += page.rows
        offset = page.next
    assert rows == whole
    assert read_page(out, False, 99, 5).rows == []


@pytest.mark.parametrize(
    "name", ["", ".", "../job.json", "00000/../../job.json", "00000.parquet/x.png", "00000.tar/x.png", "99999/x.png", "00000/x.exe"]
)
def test_a_name_that_is_none(out, name):
    with pytest.raises(NotFound):
        read_result(out, name)


def test_a_job_that_runs_shows_what_is_finished(out, tmp_path):
    part = open_store(str(tmp_path))
    assert read_page(part, False, 0, 10) == ([], None, False)
    whole = read_page(out, False, 0, 100).rows
    part.put("plan.json", out.get("plan.json"))
    for shard in (0, 2):
        part.put(f"receipts/{shard:05d}.parquet", out.get(f"receipts/{shard:05d}.parquet"))
    page = read_page(part, False, 0, 100)
    assert (page.rows, page.complete) == ([*whole[:4], *whole[8:]], False)
    assert read_page(part, False, 3, 2).rows == [whole[3], whole[8]]


def test_parts_of_a_large_manifest_are_one_table(out, tmp_path):
    """As manifest.py leaves them; such a job has over a million images."""
    import json

    large, books = open_store(str(tmp_path)), json.loads(out.get("job.json"))
    table = pq.read_table(io.BytesIO(out.get("manifest.parquet")))
    books["manifest"] = []
    for number, start in enumerate((0, 6)):
        rows, sink = table.slice(start, 6), io.BytesIO()
        pq.write_table(rows, sink, row_group_size=4)
        large.put(f"manifest/{number:05d}.parquet", sink.getvalue())
        books["manifest"].append({"key": f"manifest/{number:05d}.parquet", "rows": rows.num_rows})
    large.put("job.json", json.dumps(books).encode())
    assert isinstance(table, pa.Table)
    assert read_page(large, False, 0, 100) == read_page(out, False, 0, 100)
    assert read_page(large, False, 3, 5) == read_page(out, False, 3, 5)


def test_what_could_not_be_made_has_its_reason(seller_photos, tmp_path):
    photos = {name: seller_photos[name] for name in ("same.jpg", "broken.jpg", "empty.png")}
    source = put_photos(tmp_path / "photos", photos).url
    edit(EditConfig(source=source, edits="white", out=str(tmp_path / "out"), executor="local", workers=1))
    out = open_store(str(tmp_path / "out"))
    bad = read_page(out, True, 0, 10)
    assert {row["source"] for row in bad.rows} == {"broken.jpg", "empty.png"}
    assert all(row["reason"] and row["message"] for row in bad.rows)
    (good,) = read_page(out, False, 0, 10).rows
    assert read_result(out, good["name"])[1] == "image/jpeg"


def test_what_is_left_out_is_what_bulk_jobs_leave_out():
    assert LEFT_OUT == commit.LEFT_OUT
