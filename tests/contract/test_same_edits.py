"""Contracts 1 and 2 for edits: one request gives the same bytes alone, in bulk beside others, and over HTTP, on any number of threads.

Promised on one machine: each result is computed on one thread, networks see one picture at a time.
"""

import asyncio
import random
from dataclasses import replace

import httpx
import pytest

from ganray.bulk.edit_job import make_edit_job, requests_of
from ganray.bulk.edit_shard import ShardEditor
from ganray.bulk.job import open_job
from ganray.config import EditConfig, ServeConfig
from ganray.edit_engine import EditEngine
from ganray.edits import EDITS, Edit, NoParams, Stage
from ganray.output.edited_file import encode_edited
from ganray.requests import EditRequest, file_name
from ganray.serving.app import make_app
from ganray.storage import open_store
from tests.tools.jobs import put_photos

CHAINS = [["white"], [{"upscale": 2}], ["cutout"], ["noisy", "cutout", {"background": {"colour": "#336699", "shadow": 0.7}}], ["noisy"]]
PHOTOS = ["mugs/red ü.jpg", "mugs/plain.png", "same.webp", "made.png", "cutout.png", "cmyk.jpg"]
REQUESTS = [  # each chain with each number and format
    EditRequest(
        id=f"r{i}", image=PHOTOS[i % len(PHOTOS)], edits=CHAINS[i % len(CHAINS)], count=1 + i % 3, format=["", "webp", "png"][i % 3]
    )
    for i in range(15)
]


@pytest.fixture(scope="module", autouse=True)
def with_chance():
    def noisy(photo, params, tools):
        return photo.having(pixels=photo.pixels ^ tools.rng().integers(0, 4, photo.pixels.shape, "uint8"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EDITS, "noisy", Edit(NoParams, noisy, Stage.REPAIR, "algorithmicallyEnhanced"))
        yield


@pytest.fixture(scope="module")
def source(seller_photos, tmp_path_factory):
    return put_photos(tmp_path_factory.mktemp("photos"), seller_photos)


def files(engine, source, requests):
    return {
        (request.id, edited.index): encode_edited(edited, engine.digest)
        for request in requests
        for edited in engine.edit(request, source.get)
    }


@pytest.fixture(scope="module")
def alone(with_chance, source, editor_folder):
    return {key: data for request in REQUESTS for key, data in files(EditEngine.load(editor_folder, threads=1), source, [request]).items()}


@pytest.mark.parametrize("threads", [1, 3])
def test_whatever_its_neighbours_and_the_threads(source, alone, editor_folder, threads):
    order = random.Random(threads).sample(REQUESTS, len(REQUESTS))
    assert files(EditEngine.load(editor_folder, threads=threads), source, order) == alone


def test_bulk_and_http_give_the_same_bytes(source, alone, editor_folder, tmp_path):
    (tmp_path / "t.jsonl").write_text("\n".join(request.model_dump_json(exclude_defaults=True) for request in REQUESTS))
    config = EditConfig(source=source.url, requests=str(tmp_path / "t.jsonl"), out=str(tmp_path / "out"), shard_images=7)
    engine, out = EditEngine.load(editor_folder, threads=2), open_store(config.out)
    with requests_of(config, out) as requests:
        job = make_edit_job(config, requests, engine.digest)
        plan = open_job(out, replace(job, most_doubt=2.0), requests)  # the editor has learned nothing: all its mattes are doubtful
    editor = ShardEditor(engine, source, out, plan)
    for shard in range(plan.shards):
        assert not editor(shard).quarantined
    made = {info.key.rpartition("/")[2]: out.get(info.key) for info in out.list("images")}
    assert len(made) == len(alone) == plan.images

    async def ask():
        app = make_app(None, ServeConfig(source=source.url, edit_queue=64), engine)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            bodies = (request.model_copy(update={"count": 1}).model_dump(exclude_defaults=True) for request in REQUESTS)
            return await asyncio.gather(*(client.post("/v1/edit", json=body) for body in bodies))

    for request, reply in zip(REQUESTS, asyncio.run(ask()), strict=True):
        (name,) = {file_name(request.id, 0, kind) for kind in ("png", "jpeg", "webp")} & made.keys()
        assert reply.content == made[name] == alone[request.id, 0], request.id
