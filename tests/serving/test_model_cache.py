"""Many models in one replica: found by name, loaded once, dropped for others, replaced while requests go on."""

import asyncio
import gc
import io
import json
import logging
import random
import shutil
import threading
import time
import weakref

import httpx
import numpy as np
import pytest
from PIL import Image

from ganray.benchmarks.random_model import make_model
from ganray.config import ModelConfig, ServeConfig
from ganray.engine import Engine
from ganray.errors import CheckpointError, ConfigError
from ganray.requests import GenerateRequest
from ganray.serving import model_cache, model_memory, model_watch
from ganray.serving.app import app_of
from ganray.serving.context import Caller
from ganray.serving.model_cache import ModelCache
from ganray.serving.models import ModelUnavailable, OneModel
from ganray.serving.refusals import Busy, NotFound, Unhealthy
from ganray.serving.served_model import ServedModel
from ganray.serving.services import Services
from ganray.storage import open_store

WIDTHS = (384, 384)  # about 0.95 MiB: four to five fit into 5 MiB
COLOURS = {"colour": ("red", "blue")}
REQUEST = GenerateRequest(id="SKU-1", seed=7)
ANYBODY = Caller()


def write(folder, seed, widths=WIDTHS):
    return make_model(str(folder), ModelConfig(name="mlp", resolution=8, z_dim=8, embed_dim=8, widths=widths), COLOURS, seed)


def drawn(folder):
    (sample,) = Engine.load(str(folder), "cpu", threads=1).generate([REQUEST])
    return sample.pixels


@pytest.fixture(scope="session")
def shelf(tmp_path_factory):
    """Twenty model folders, never changed; digest -> the picture that each draws."""
    shelf = tmp_path_factory.mktemp("shelf")
    digests = [write(shelf / f"m{number}", number).digest for number in range(20)]
    return shelf, digests, {digest: drawn(shelf / f"m{number}") for number, digest in enumerate(digests)}


@pytest.fixture
def place(tmp_path, shelf):
    """A folder of one's own with five models, and a table to write."""
    for number in range(5):
        shutil.copytree(shelf[0] / f"m{number}", tmp_path / f"m{number}")
    return tmp_path


def table(place, models, **more):
    text = json.dumps({"models": models, **more})
    open_store(str(place)).put("models.yaml", text.encode())  # JSON is YAML
    return str(place / "models.yaml")


def cache_of(place, models=None, memory=64, **more):
    models = models or {f"shop/m{number}": f"m{number}" for number in range(5)}
    more = {"default": next(iter(models)), **more}
    return ModelCache(ServeConfig(models=table(place, models, **more), model_memory=memory, wait_ms=0), "cpu", 1)


async def picture(models, name="", caller=ANYBODY, key=str):
    """The digest of the model that a name is, and the picture that it draws."""
    async with models.lease(name, caller, key) as served:
        (sample,) = await served.batcher.make(REQUEST)
        return served.digest, np.asarray(Image.open(io.BytesIO(sample.data)))


async def digest_of(models, name="", caller=ANYBODY, key=str):
    async with models.lease(name, caller, key) as served:
        return served.digest


async def refused(models, name, caller=ANYBODY):
    with pytest.raises((NotFound, Busy)) as raised:
        await digest_of(models, name, caller)
    return raised.value


def loads_of(cache, seconds=0.0):
    """The folders that are loaded from now on; each load takes so many seconds more."""
    loaded, load = [], cache.loader.load

    def slow(source):
        loaded.append(source.model.rpartition("/")[2])
        time.sleep(seconds)
        return load(source)

    cache.loader.load = slow
    return loaded


def test_what_is_loaded_is_known_at_once_to_those_who_may_see_it(place):
    cache = cache_of(place, {"shop-a/m0": {"model": "m0", "tenant": "shop-a"}, "shop-a/m1": {"model": "m1", "tenant": "shop-a"}})
    served = cache.loaded("", Caller(tenant="shop-a"))
    assert (served.name, cache.loaded("shop-a/m0", Caller()).name) == ("shop-a/m0", "shop-a/m0")
    for name, caller in (("", Caller(tenant="shop-b")), ("shop-a/m1", ANYBODY), ("shop-a/m9", ANYBODY), (f"@{served.digest}", ANYBODY)):
        assert cache.loaded(name, caller) is None


# ---- one contract for one model and for many


@pytest.fixture(params=["one", "many"])
def models(request, place):
    if request.param == "one":
        return OneModel(ServedModel.of(Engine.load(str(place / "m0"), "cpu", 1), ServeConfig(wait_ms=0), name="shop/m0"))
    return cache_of(place, {"shop/m0": "m0"})


def test_contract_names(models, shelf):
    digest = shelf[1][0]
    for name in ("", "shop/m0", digest, digest[:12], f"shop/m0@{digest[:12]}", f"shop/m0@{digest}", f"@{digest[:16]}"):
        assert asyncio.run(digest_of(models, name)) == digest, name


@pytest.mark.parametrize(
    "name", ["shop/m9", "shop", "../m0", "shop/m0@", "shop/m0@{short}", "shop/m9@{full}", "shop/m0@" + "0" * 12, "{full}@x"]
)
def test_contract_other_names_are_not_found(models, shelf, name):
    digest = shelf[1][0]
    error = asyncio.run(refused(models, name.format(short=digest[:11], full=digest)))
    assert isinstance(error, NotFound) and "is not served here" in error.message


def test_contract_cards_and_health(models, shelf):
    (card,) = asyncio.run(models.cards(Caller()))
    assert (card["name"], card["digest"], card["loaded"], card["attributes"]) == ("shop/m0", shelf[1][0], True, {"colour": ["red", "blue"]})
    assert models.outstanding == 0 and len(models.healths()) == 1
    models.require()
    models.healths()[0].lost = "CUDA error: it is gone"
    with pytest.raises(Unhealthy):
        models.require()


def test_contract_pictures(models, shelf):
    digest, image = asyncio.run(picture(models))
    assert digest == shelf[1][0] and np.array_equal(image, shelf[2][digest])


# ---- loading


def test_a_folder_is_loaded_once_for_all_that_ask_for_it(place, shelf):
    async def run():
        cache = cache_of(place)
        loaded = loads_of(cache, 0.2)
        digests = await asyncio.gather(*(digest_of(cache, f"shop/m{number}") for number in [1] * 20 + [2] * 20))
        assert sorted(loaded) == ["m1", "m2"] and set(digests[:20]) == {shelf[1][1]} and set(digests[20:]) == {shelf[1][2]}
        await cache.close()

    asyncio.run(run())


def test_requests_for_a_loaded_model_go_on_while_another_is_loaded(place, shelf):
    async def run():
        cache = cache_of(place)
        loads_of(cache, 0.6)
        slow = asyncio.create_task(digest_of(cache, "shop/m1"))
        await asyncio.sleep(0.05)
        since = time.monotonic()
        assert (await picture(cache, "shop/m0"))[0] == shelf[1][0]
        assert time.monotonic() - since < 0.4 and not slow.done()
        assert await slow == shelf[1][1]
        await cache.close()

    asyncio.run(run())


def test_a_caller_who_leaves_stops_the_load_for_nobody(place, shelf):
    async def run():
        cache = cache_of(place)
        loaded = loads_of(cache, 0.3)
        first = asyncio.create_task(digest_of(cache, "shop/m1"))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(digest_of(cache, "shop/m1"))
        await asyncio.sleep(0.05)
        first.cancel()
        assert await second == shelf[1][1] and loaded == ["m1"]
        await cache.close()

    asyncio.run(run())


def test_twenty_models_in_room_for_five(shelf, tmp_path):
    """Memory stays within the budget, each picture is its own model's, and threads and weights are given back."""
    folder, digests, pixels = shelf
    rng = random.Random(1)
    others = set(threading.enumerate())  # threads of earlier tests' engines

    async def run():
        cache = cache_of(tmp_path, {f"m{number}": str(folder / f"m{number}") for number in range(20)}, memory=5)
        loaded, most, asked = loads_of(cache), 0, set()
        sizes = [version.described.size for version in cache.memory.versions()]
        assert 4 <= cache.memory.budget // sizes[0] <= 5

        async def ask(number):
            nonlocal most
            digest, image = await picture(cache, f"m{number}")
            assert digest == digests[number] and np.array_equal(image, pixels[digest])
            asked.add(number)
            most = max(most, cache.memory.used)

        for _ in range(12):
            await asyncio.gather(*(ask(rng.randrange(20)) for _ in range(8)))
        await cache.memory.settle()
        assert most <= cache.memory.budget and len(loaded) > 30 and len(asked) == 20
        assert len(cache.memory.current) <= 5 and not cache.memory.old
        assert cache.memory.used == sum(version.described.size for version in cache.memory.versions())
        gc.collect()
        engines = [thread for thread in threading.enumerate() if thread.name.startswith("engine") and thread not in others]
        before = len(threading.enumerate())
        for number in (*range(20), *range(20)):
            await picture(cache, f"m{number}")
        await cache.memory.settle()
        gc.collect()
        assert len(engines) <= 5 and len(threading.enumerate()) <= before + 2  # loaders and describers may have begun
        await cache.close()

    started = len(threading.enumerate())
    asyncio.run(run())
    gc.collect()
    time.sleep(0.2)
    assert len(threading.enumerate()) <= started + 1


def test_the_longest_unused_model_is_dropped_and_its_weights_are_freed(place):
    async def run():
        cache = cache_of(place, memory=3)  # room for three
        for name in ("shop/m0", "shop/m1", "shop/m2", "shop/m0"):
            await digest_of(cache, name)
        victim = next(version for version in cache.memory.versions() if version.source.model.endswith("m1"))
        weights, networks = weakref.ref(next(victim.served.engine.generator.parameters())), weakref.ref(victim.served.editor)
        del victim
        await digest_of(cache, "shop/m3")
        await cache.memory.settle()
        gc.collect()
        assert {source.model[-2:] for source in cache.memory.current} == {"m0", "m2", "m3"}
        assert weights() is None or weights().device.type == "meta"
        assert networks() is None
        await cache.close()

    asyncio.run(run())


def test_a_model_in_use_is_not_dropped_and_the_next_waits_for_room(place, shelf, monkeypatch):
    async def run():
        cache = cache_of(place, memory=1)  # room for one
        async with cache.lease("shop/m0", Caller()) as served:
            waiting = asyncio.create_task(digest_of(cache, "shop/m1"))
            await asyncio.sleep(0.3)
            assert not waiting.done() and served.digest == await digest_of(cache, "shop/m0")
        assert await waiting == shelf[1][1]
        monkeypatch.setattr(model_memory, "ROOM_S", 0.2)
        async with cache.lease("shop/m1", Caller()):
            error = await refused(cache, "shop/m2")
            assert (error.code, error.retry_after) == ("busy", 1.0) and "in use" in error.message
        assert await digest_of(cache, "shop/m2") == shelf[1][2]
        await cache.close()

    asyncio.run(run())


def test_a_model_larger_than_the_budget(place):
    write(place / "large", 9, (900, 900))

    async def run():
        cache = cache_of(place, {"a": "m0", "large": "large"}, memory=2)
        loaded = loads_of(cache)
        error = await refused(cache, "large")
        assert isinstance(error, ModelUnavailable) and error.retry_after is None and not loaded
        assert "MiB, and the models of this server may take 2" in error.message
        assert len(cache.memory.current) == 1
        await cache.close()

    asyncio.run(run())
    with pytest.raises(ConfigError, match="MiB, and the models of this server may take 2"):
        cache_of(place, {"large": "large"}, memory=2)


def test_folders_that_are_missing_or_broken_are_not_read_for_each_request(place, shelf, monkeypatch, caplog):
    open_store(str(place / "m1")).put("model.safetensors", b"no weights")

    async def run():
        cache = cache_of(place, {"good": "m0", "broken": "m1", "missing": "nowhere"})
        loaded, described, describe = loads_of(cache), [], cache.loader.describe
        cache.loader.describe = lambda source: described.append(source) or describe(source)
        broken = await asyncio.gather(*(refused(cache, "broken") for _ in range(50)))
        broken += [await refused(cache, "broken") for _ in range(50)]
        missing = [await refused(cache, "missing") for _ in range(50)]
        assert {(type(error), error.code, error.status) for error in broken} == {(ModelUnavailable, "model_unavailable", 503)}
        assert {type(error) for error in missing} == {NotFound} and loaded == ["m1"] and len(described) == 2
        assert str(place) not in str(broken[0]) + str(missing[0])  # where folders lie is the operator's affair
        assert "m1 is damaged" in caplog.text and "nowhere is not a model folder" in caplog.text
        monkeypatch.setattr(model_cache, "FAILED_S", 0.0)
        cache._failures.clear()
        shutil.rmtree(place / "m1")
        shutil.copytree(place / "m2", place / "m1")
        assert (await digest_of(cache, "broken"), loaded) == (shelf[1][2], ["m1", "m1"])
        await cache.close()

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())


def test_thousands_of_unknown_names_leave_nothing_behind(place):
    async def run():
        cache = cache_of(place)
        held = [cache._loads, cache._failures, cache._described, cache.bound, cache.memory.current, cache.memory.old, cache.memory._wanted]
        before = [len(part) for part in held]
        for number in range(3000):
            await refused(cache, f"shop/{number}")
            await refused(cache, f"shop/m0@{number:012x}")
        assert [len(part) for part in held] == before
        await cache.close()

    asyncio.run(run())


def test_a_default_that_cannot_be_loaded_does_not_start(place):
    with pytest.raises(CheckpointError):
        cache_of(place, {"a": "nowhere"})


# ---- who sees what


def test_a_tenant_s_model_is_missing_for_others(place):
    models = {"shared": "m0", "a/latest": {"model": "m1", "tenant": "a"}, "b/latest": {"model": "m2", "tenant": "b"}}

    async def run():
        cache = cache_of(place, models)
        mine, other = Caller(tenant="a"), Caller(tenant="b")
        digest = await digest_of(cache, "a/latest", mine)
        hidden, missing = await refused(cache, "a/latest", other), await refused(cache, "c/latest", other)
        assert hidden.message.replace("a/latest", "X") == missing.message.replace("c/latest", "X") and type(hidden) is type(missing)
        for name in (f"a/latest@{digest[:12]}", digest, f"b/latest@{digest[:12]}", f"shared@{digest[:12]}"):
            assert isinstance(await refused(cache, name, other), NotFound), name
        assert {card["name"] for card in await cache.cards(other)} == {"shared", "b/latest"}
        assert {card["name"] for card in await cache.cards(Caller())} == set(models)
        await cache.close()

    asyncio.run(run())


def test_cards_load_nothing(place, shelf):
    models = {"a": "m0", "b": "m1", "lost": "nowhere", "broken": "m2"}
    open_store(str(place / "m2")).put("model.json", b"{}")

    async def run():
        cache = cache_of(place, models, traffic={"main": {"a": 0.25, "b": 0.75}})
        loaded = loads_of(cache)
        cards = {card["name"]: card for card in await cache.cards(Caller())}
        assert not loaded
        assert [(cards[name]["loaded"], cards[name]["digest"]) for name in "ab"] == [(True, shelf[1][0]), (False, shelf[1][1])]
        assert {**cards["b"], "name": "", "digest": "", "loaded": True} == {**cards["a"], "name": "", "digest": ""}
        assert (cards["main"]["digest"], cards["main"]["traffic"]) == (shelf[1][1], {"a": 0.25, "b": 0.75})
        assert not cards["lost"]["generates"] and not cards["broken"]["generates"] and str(place) not in json.dumps(cards)
        await cache.close()

    asyncio.run(run())


# ---- traffic


def test_traffic_is_divided_the_same_way_each_time_and_named_in_the_label(place, shelf):
    async def run():
        cache = cache_of(place, {"a": "m0", "b": "m1"}, traffic={"main": {"a": 0.5, "b": 0.5}}, default="main")
        labels = set()
        for number in range(40):
            async with cache.lease("main", Caller(), lambda number=number: f"SKU-{number}") as served:
                labels.add(served.label)
            assert await digest_of(cache, "", Caller(), lambda number=number: f"SKU-{number}") == served.digest
        assert labels == {f"a@{shelf[1][0][:12]}", f"b@{shelf[1][1][:12]}"}
        assert await digest_of(cache, f"main@{shelf[1][1][:12]}") == shelf[1][1]
        assert len(cache.healths()) == 2
        await cache.close()

    asyncio.run(run())


# ---- new versions


async def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        await asyncio.sleep(0.02)


def replace_folder(place, to, source):
    """Write another model over a folder as `ganray train` does."""
    write(place / to, int(source[1:]))


@pytest.mark.parametrize("how", ["table", "folder"])
def test_an_upgrade_under_load_fails_no_request(place, shelf, how, monkeypatch):
    monkeypatch.setattr(model_watch, "EVERY_S", 0.1)
    old, new = shelf[1][0], shelf[1][1]
    assert not np.array_equal(shelf[2][old], shelf[2][new])

    async def run():
        cache = cache_of(place, {"shop/latest": "m0"})
        seen, stop = [], False

        async def client():
            while not stop:
                digest, image = await picture(cache, "shop/latest")
                assert np.array_equal(image, shelf[2][digest])
                seen.append(digest)

        clients = [asyncio.create_task(client()) for _ in range(8)]
        await until(lambda: len(seen) > 50)
        if how == "table":
            table(place, {"shop/latest": "m1"}, default="shop/latest")
        else:
            await asyncio.to_thread(replace_folder, place, "m0", "m1")
        await until(lambda: seen[-1] == new and seen.count(new) > 50)
        stop = True
        await asyncio.gather(*clients)
        assert set(seen) == {old, new}
        assert seen[seen.index(new) + 20 :].count(old) == 0  # requests under way end on the old one, no later one begins there
        await until(lambda: len(list(cache.memory.versions())) == 1)
        await cache.memory.settle()
        assert cache.memory.used == sum(version.described.size for version in cache.memory.versions())
        await cache.close()

    asyncio.run(run())


def test_a_request_ends_on_the_version_it_began_with(place, shelf):
    async def run():
        cache = cache_of(place, {"a": "m0"})
        async with cache.lease("a", Caller()) as served:
            replace_folder(place, "m0", "m1")
            await cache._watch.look()
            assert await digest_of(cache, "a") == shelf[1][1]
            assert await digest_of(cache, f"a@{shelf[1][0][:12]}") == shelf[1][0]  # still in memory
            assert served.digest == shelf[1][0] and len(await served.batcher.make(REQUEST)) == 1
        assert isinstance(await refused(cache, f"a@{shelf[1][0][:12]}"), NotFound)
        await cache.close()

    asyncio.run(run())


def test_a_broken_new_version_leaves_the_old_one_and_is_told_once(place, shelf, caplog, monkeypatch):
    monkeypatch.setattr(model_watch, "AGAIN_S", 0.0)

    async def run():
        cache = cache_of(place, {"a": "m0", "b": "m2"})
        await digest_of(cache, "b")
        table(place, {"a": "nowhere", "b": "m2"}, default="a")
        data = (place / "m2" / "model.json").read_text().replace(shelf[1][2], "0" * 64)
        open_store(str(place / "m2")).put("model.json", data.encode())
        for _ in range(3):
            await cache._watch.look()
        assert [await digest_of(cache, name) for name in "ab"] == [shelf[1][0], shelf[1][2]]
        assert len([text for text in caplog.messages if "stays as it is" in text]) == 2
        table(place, {"a": "m1", "b": "m2"}, default="a")
        await cache._watch.look()
        assert await digest_of(cache, "a") == shelf[1][1]
        await cache.close()

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())


def test_names_that_leave_the_table_are_gone_and_so_are_their_models(place):
    async def run():
        cache = cache_of(place)
        async with cache.lease("shop/m1", Caller()) as served:
            table(place, {"shop/m0": "m0", "new": "m4"}, default="new")
            await cache._watch.look()
            assert isinstance(await refused(cache, "shop/m1"), NotFound)
            assert len(await served.batcher.make(REQUEST)) == 1
        await cache.memory.settle()
        assert [source.model[-2:] for source in cache.memory.current] == ["m0"] and not cache.memory.old
        assert await digest_of(cache) == await digest_of(cache, "new")
        await cache.close()

    asyncio.run(run())


def test_two_names_of_one_folder_share_its_weights(place):
    async def run():
        cache = cache_of(place, {"a": "m0", "b": "m0"})
        loaded = loads_of(cache)
        async with cache.lease("a", Caller()) as one, cache.lease("b", Caller()) as other:
            assert one.engine is other.engine and [one.name, other.name] == ["a", "b"]
        assert not loaded and len(cache.memory.current) == 1
        await cache.close()

    asyncio.run(run())


def test_an_upgrade_may_take_its_own_size_beyond_the_budget(place, shelf):
    async def run():
        cache = cache_of(place, {"a": "m0"}, memory=1)
        async with cache.lease("a", Caller()):
            replace_folder(place, "m0", "m1")
            await cache._watch.look()
            assert await digest_of(cache, "a") == shelf[1][1]
            assert cache.memory.budget < cache.memory.used < 2 * cache.memory.budget
        await cache.memory.settle()
        assert cache.memory.used < cache.memory.budget
        await cache.close()

    asyncio.run(run())


def test_over_http_an_upgrade_fails_no_request_and_the_header_names_the_version_that_drew(place, shelf, monkeypatch):
    monkeypatch.setattr(model_watch, "EVERY_S", 0.1)
    old, new = shelf[1][0], shelf[1][1]

    async def run():
        cache = cache_of(place, {"shop/latest": "m0", "shop/other": "m2"})
        config = ServeConfig(wait_ms=0)
        app = app_of(cache, config, cache.lanes, Services.of(config, cache.device))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:

            async def ask(model):
                reply = await client.post("/v1/generate", params={"model": model}, json={"id": "SKU-1", "seed": 7})
                assert reply.status_code == 200, reply.text
                digest = reply.headers["X-Ganray-Model"]
                assert np.array_equal(np.asarray(Image.open(io.BytesIO(reply.content))), shelf[2][digest])
                return digest

            assert await ask("shop/other") == shelf[1][2]
            missing = await client.post("/v1/generate", params={"model": "shop/../latest"}, json={"id": "SKU-1"})
            assert (missing.status_code, missing.json()["error"]) == (404, "not_found")
            seen = [await ask("shop/latest")]
            table(place, {"shop/latest": "m1", "shop/other": "m2"}, default="shop/latest")
            end = time.monotonic() + 20
            while seen.count(new) < 20 and time.monotonic() < end:
                seen += await asyncio.gather(*(ask("shop/latest") for _ in range(8)))
            assert seen[0] == old and set(seen) == {old, new}
            models = (await client.get("/v1/models")).json()["models"]
            assert [(card["name"], card["digest"], card["loaded"]) for card in models] == [
                ("shop/latest", new, True),
                ("shop/other", shelf[1][2], True),
            ]
        await cache.close()

    asyncio.run(run())
