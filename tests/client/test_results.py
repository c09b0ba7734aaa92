"""Listings of jobs and of what they have made, and the files: of jobs that the real code has done, on a real socket with faults."""

import asyncio
import base64
import json
from itertools import islice

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganray.client import AsyncClient, BadAnswer, Busy, Client, Invalid, NotFound, Result
from ganray.client import exchange as exchange_module
from ganray.client.answers import Answer, read_answer
from ganray.client.results import read_file, read_jobs, read_results
from ganray.config import ServeConfig
from ganray.images.provenance import read_label
from ganray.output.sample_file import SampleFile, encode_sample
from ganray.requests import GenerateRequest
from tests.client.conftest import serving_jobs
from tests.tools.faulty_http import FAULTS

MUGS = [{"id": "SKU ü", "seed": 7, "attributes": {"colour": "grün"}}, {"id": "b", "count": 4}]
CONTENT = {"content-type": "application/json"}


def inline(data):
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


@pytest.fixture(scope="module")
def done(engine, model, seller_photos, tmp_path_factory):
    """(app, URL, ids) of a server with a job that has generated five pictures and, after it, one that has edited a photo of two."""
    config = ServeConfig(model=model, jobs=str(tmp_path_factory.mktemp("jobs")), wait_ms=1.0)
    with serving_jobs(engine, config) as (_, app, url), Client(url) as client:
        photos = [{"id": "hat", "image": inline(seller_photos["mugs/red ü.jpg"])}, {"id": "broken", "image": inline(b"no picture")}]
        generated = client.submit_job("generate", MUGS)
        client.wait(generated.id, timeout=120.0, poll=0.1)
        edited = client.submit_job("edit", photos, edits=["white"], options={"layout": "webdataset"})
        client.wait(edited.id, timeout=120.0, poll=0.1)
        yield app, url, (generated.id, edited.id)


@pytest.fixture
def server(done, monkeypatch):
    """The app, and the ids of its jobs; waits between tries are short."""
    app, _, ids = done
    app.faults.clear()
    app.seen.clear()
    monkeypatch.setattr(exchange_module, "FIRST_WAIT", 0.002)
    return app, ids


@pytest.fixture
def client(done, server):
    with Client(done[1]) as client:
        yield client


def test_what_a_job_has_made_is_what_was_asked_for(client, server, engine):
    rows = list(client.results(server[1][0]))
    assert [(row.id, row.index) for row in rows] == [("SKU ü", 0), *(("b", number) for number in range(4))]
    (sample,) = engine.generate([GenerateRequest(id="SKU ü", seed=7, attributes={"colour": "grün"})])
    file = client.result(server[1][0], rows[0].name)
    assert file.data == encode_sample(sample.pixels, SampleFile("SKU ü", 0, 7, "png", engine.info.digest))
    assert (file.name, file.media_type, file.sha256, len(file.data)) == (rows[0].name, "image/png", rows[0].sha256, rows[0].bytes)
    assert (rows[0].seed, rows[0].format, rows[0].width, rows[0].height) == (7, "png", 8, 8)
    assert rows[0].attributes == sample.attributes and file.etag and file.request_id and not file.cached


def test_what_could_not_be_made_says_why(client, server):
    edited = server[1][1]
    (row,) = client.results(edited)
    assert (row.id, row.edits, row.format, row.reason) == ("hat", ({"white": {}},), "jpeg", "") and row.facts["matte"]
    assert read_label(client.result(edited, row.name).data)["ganray:EditRequestID"] == "hat-0"  # a member of a tar
    (broken,) = client.results(edited, quarantined=True)
    assert (broken.id, broken.reason, broken.name) == ("broken", "unknown_format", "") and broken.message
    assert list(client.results(server[1][0], quarantined=True)) == []


def test_pages_are_asked_for_when_they_are_needed(client, server):
    app, (generated, _) = server
    rows = client.results(generated, page_size=2)
    assert not app.seen
    assert [row.index for row in islice(rows, 2)] == [0, 0] and len(app.seen) == 1
    assert [row.index for row in rows] == [1, 2, 3] and len(app.seen) == 3
    assert [row.index for row in client.results(generated, offset=3)] == [2, 3]
    assert list(client.results(generated, offset=5)) == []


def test_jobs_are_listed_newest_first(client, server):
    app, (generated, edited) = server
    jobs = list(client.jobs(page_size=1))
    assert [job.id for job in jobs] == [edited, generated] and len(app.seen) == 2
    assert jobs == [client.job(edited), client.job(generated)] == list(client.jobs())
    assert (jobs[0].kind, jobs[0].counts) == ("edit", {"images": 1, "quarantined": 1})
    assert [job.id for job in client.jobs(after=edited)] == [generated] and list(client.jobs(after=generated)) == []


def test_both_clients_give_the_same(client, done, server):
    generated, edited = server[1]

    async def main():
        async with AsyncClient(done[1]) as other:
            rows = [row async for row in other.results(generated, page_size=2)]
            quarantined = [row async for row in other.results(edited, quarantined=True)]
            return [job async for job in other.jobs(page_size=1)], rows, quarantined, await other.result(generated, rows[0].name)

    jobs, rows, quarantined, file = asyncio.run(main())
    assert (jobs, rows) == (list(client.jobs()), list(client.results(generated)))
    assert quarantined == list(client.results(edited, quarantined=True))
    assert file.data == client.result(generated, rows[0].name).data


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=st.lists(st.sampled_from(sorted(FAULTS)), max_size=3), begin=st.integers(0, 2))
def test_whatever_fails_on_a_page_no_row_is_lost_or_comes_twice(client, server, faults, begin):
    app, (generated, _) = server
    app.faults.clear()
    expected = list(client.results(generated))
    rows = client.results(generated, page_size=2)
    made = list(islice(rows, 2 * begin))
    app.faults[:], app.seen[:] = faults, []
    made += rows
    assert made == expected and len(app.seen) == len(faults) + 3 - begin
    app.faults[:] = faults
    assert client.result(generated, made[0].name).sha256 == made[0].sha256


def test_more_faults_than_retries_end_a_listing(client, server):
    app, (generated, _) = server
    rows = client.results(generated, page_size=4)
    assert len(list(islice(rows, 4))) == 4
    app.faults[:] = ["503"] * 4
    with pytest.raises(Busy):
        next(rows)


def test_a_kept_file_is_asked_for_by_its_tag_and_not_sent_again(done, server):
    app, (generated, _) = server
    cache = {}
    with Client(done[1], cache=cache) as client:
        first, second = islice(client.results(generated), 2)
        assert not cache  # a listing may change
        file = client.result(generated, first.name)
        app.seen.clear()
        app.faults[:] = ["503"]
        again = client.result(generated, first.name)
        assert app.headers("if-none-match") == [file.etag] * 2 and again.cached
        assert (again.data, again.media_type, again.etag) == (file.data, file.media_type, file.etag)
        assert not client.result(generated, second.name).cached and len(cache) == 2


def test_what_is_not_there_is_the_servers_word(client, server):
    generated = server[1][0]
    for name in ("00000/x.png", "job.json", "manifest.parquet", "00000/SKU ü.png", "a?b#c.png", "a\\..\\b.png", "%2e%2e/x.png"):
        with pytest.raises(NotFound, match="no result"):
            client.result(generated, name)
    with pytest.raises(NotFound, match="there is no job"):
        next(client.results("0" * 24))
    with pytest.raises(NotFound, match="there is no job"):
        client.result("0" * 24, "00000/a-0.png")
    for rows in (client.results(generated, page_size=501), client.results(generated, offset=-1), client.jobs(page_size=0)):
        with pytest.raises(Invalid):
            next(rows)


@pytest.mark.parametrize("name", ["", "..", "../job.json", "00000/../../x.png", "/etc/passwd.png", "a/./b.png", "00000/"])
def test_a_name_that_would_be_another_path_is_refused(client, server, name):
    with pytest.raises(ValueError, match="name of a result"):
        client.result(server[1][0], name)
    assert not server[0].seen


def test_fields_of_a_newer_server_are_passed_over():
    row = {"id": "a", "index": 0, "name": "00000/a-0.png", "facts": None, "edits": "", "colour": "new"}
    page = read_results(Answer(200, CONTENT, json.dumps({"results": [row], "next": 4, "complete": True, "more": 1}).encode()))
    assert (page.rows, page.following) == ((Result("a", 0, "00000/a-0.png"),), {"offset": "4"})


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"results": []},
        {"results": [1], "next": None},
        {"results": [{"id": "a"}], "next": None},
        {"results": [{"id": "a", "index": "0"}], "next": None},
        {"results": [{"id": "a", "index": 0, "name": 1}], "next": None},
        {"results": [{"id": "a", "index": 0, "edits": "["}], "next": None},
        {"results": [], "next": "4"},
        {"jobs": [{"id": "a"}], "next": None},
        {"jobs": [], "next": 4},
        {"jobs": []},
    ],
)
def test_a_page_that_is_none_is_one_error(body):
    reader = read_jobs if "jobs" in body else read_results
    with pytest.raises(BadAnswer, match="the answer cannot be read"):
        read_answer(Answer(200, CONTENT, json.dumps(body).encode()), reader)


def test_a_file_that_is_no_picture_is_one_error():
    with pytest.raises(BadAnswer, match="text/html"):
        read_answer(Answer(200, {"content-type": "text/html; charset=utf-8"}, b"<html>login"), lambda answer: read_file(answer, "a", False))


def test_a_page_that_follows_itself_is_an_error_and_not_a_circle():
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"jobs": [], "next": "a"}))
    with Client("http://test", transport=transport) as client, pytest.raises(BadAnswer, match="is this one"):
        list(client.jobs())
