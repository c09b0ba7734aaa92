"""The client for event loops, in this process (httpx.ASGITransport) and on a real socket."""

import asyncio
import time

import httpx
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganray.client import AsyncClient, BadRequest, Client, ClientError, TimedOut
from ganray.config import ServeConfig
from ganray.serving.app import make_app
from ganray.serving.keys import hash_of, new_key
from tests.tools.faulty_http import FAULTS, sending

PHOTO = "mugs/red ü.jpg"


def run(url, work, **options):
    async def main():
        async with AsyncClient(url, **options) as client:
            return await work(client)

    return asyncio.run(main())


def test_in_this_process_over_asgi(engine):
    app = make_app(engine, ServeConfig(wait_ms=1.0))

    async def work(client):
        made, (model,) = await client.generate(id="a", seed=1, count=2), await client.models()
        return made, model, await client.healthy()

    made, model, healthy = run("http://test", work, transport=httpx.ASGITransport(app))
    assert (len(made), made.model, model["digest"], healthy) == (2, engine.info.digest, engine.info.digest, True)


def test_both_clients_give_the_same(server, seller_photos, tmp_path):
    path = tmp_path / "hat.jpg"
    path.write_bytes(seller_photos[PHOTO])

    async def work(client):
        return (
            (await client.generate(id="a", seed=1, request_id="r")).images,
            (await client.edit(path, ["white"], id="a")).images,
            await client.check(PHOTO),
            await client.edits(),
            await client.profiles(),
        )

    with Client(server[1]) as client:
        expected = (
            client.generate(id="a", seed=1, request_id="r").images,
            client.edit(path, ["white"], id="a").images,
            client.check(PHOTO),
            client.edits(),
            client.profiles(),
        )
    assert run(server[1], work) == expected


def test_many_at_once_each_get_their_own(server):
    async def work(client):
        return await asyncio.gather(*(client.generate(id=f"r{number}") for number in range(40)))

    made = run(server[1], work)
    assert [each.id for each in made] == [f"r{number}" for number in range(40)]
    assert len({each.data for each in made}) == 40


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=st.lists(st.sampled_from(sorted(FAULTS)), max_size=3))
def test_whatever_fails_up_to_the_retries_the_answer_is_the_one_without_faults(server, faults):
    app, url = server

    async def work(client):
        app.faults[:], app.seen[:] = [], []
        expected = await client.generate(attributes={"category": "mug"}, seed=3)
        app.faults[:], app.seen[:] = faults, []
        return expected, await client.generate(attributes={"category": "mug"}, seed=3)

    expected, made = run(url, work)
    assert made.images == expected.images and len(app.seen) == len(faults) + 1


def test_an_error_is_that_of_the_other_client(server):
    async def work(client):
        await client.generate(attributes={"colour": "mauve"})

    with pytest.raises(BadRequest, match="mauve"):
        run(server[1], work)


def test_an_answer_that_drips_ends_with_the_time():
    async def work(client):
        await client.models()

    with sending((0.01, b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + b" " * 400)) as url:
        began = time.monotonic()
        with pytest.raises(TimedOut):
            run(url, work, timeout=0.5)
        assert time.monotonic() - began < 1.5


def test_the_servers_refusals_of_a_key_are_errors_with_its_words(engine, tmp_path):
    """Of real keys: none, one that is not known, one without the scope, and one whose rate is used up."""
    slow, narrow = new_key(), new_key()
    rows = [
        {"name": "slow", "hash": hash_of(slow), "rate": 0.01, "burst": 1},
        {"name": "narrow", "hash": hash_of(narrow), "scopes": ["edit"]},
    ]
    (tmp_path / "keys.yaml").write_text(yaml.safe_dump({"keys": rows}))
    transport = httpx.ASGITransport(make_app(engine, ServeConfig(wait_ms=1.0, keys=str(tmp_path / "keys.yaml"))))

    async def end(key, times=1):
        async with AsyncClient("http://test", key=key, transport=transport) as client:
            try:
                for _ in range(times):
                    await client.generate(id="a")
            except ClientError as error:
                return type(error).__name__, error.status, bool(error.remedy and error.request_id), error.retry_after

    async def main():
        return [await end(""), await end(new_key()), await end(narrow), await end(slow, 2)]

    missing, unknown, narrow_key, limited = asyncio.run(main())
    assert missing == unknown == ("Unauthorized", 401, True, None)
    assert narrow_key == ("Forbidden", 403, True, None)
    assert limited[:3] == ("RateLimited", 429, True) and limited[3] > 30.0
