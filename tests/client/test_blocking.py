"""The client against the real app on a real socket: its answers are the server's, whatever fails on the way."""

import inspect
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganray.client import AsyncClient, BadAnswer, BadRequest, Client, Invalid, NotFound, RateLimited, TimedOut, Unreachable
from ganray.images.provenance import read_label
from ganray.output.sample_file import SampleFile, encode_sample
from ganray.requests import GenerateRequest
from tests.tools.faulty_http import FAULTS, listening, sending

PHOTO = "mugs/red ü.jpg"


@pytest.fixture
def client(server):
    with Client(server[1]) as client:
        yield client


def test_a_picture_is_that_of_the_engine_with_all_its_facts(client, engine):
    made = client.generate(id="SKU ü", seed=5, attributes={"colour": "grün"}, request_id="shop-1")
    (sample,) = engine.generate([GenerateRequest(id="SKU ü", seed=5, attributes={"colour": "grün"})])
    assert made.data == encode_sample(sample.pixels, SampleFile("SKU ü", 0, 5, "png", engine.info.digest))
    assert (made.id, made.seed, made.model, made.request_id) == ("SKU ü", 5, engine.info.digest, "shop-1")
    assert made.attributes == sample.attributes and made.etag and made.device and not made.cached
    assert (made[0].name, made[0].media_type) == ("SKU ü-0", "image/png")


def test_several_pictures_come_in_order_and_the_first_is_the_single_one(client):
    several = client.generate(id="a", seed=7, count=3, format="jpeg")
    assert [image.name for image in several] == ["a-0", "a-1", "a-2"]
    assert len(several) == 3 and several[0].data == client.generate(id="a", seed=7, format="jpeg").data
    assert several[0].attributes and several[0].media_type == "image/jpeg"
    with pytest.raises(ValueError):
        several.data  # there is no such thing


def test_without_a_seed_each_call_draws_its_own_and_says_it(client):
    first, second = client.generate(), client.generate()
    assert first.seed != second.seed
    assert client.generate(seed=first.seed).data == first.data


def test_a_photo_as_bytes_as_a_path_and_as_a_key_is_the_same_photo(client, seller_photos, tmp_path):
    path = tmp_path / "hat.jpg"
    path.write_bytes(seller_photos[PHOTO])
    given = [client.edit(photo, ["white"], id="a") for photo in (seller_photos[PHOTO], path, PHOTO)]
    assert len({made.data for made in given}) == 1
    assert read_label(given[0].data)["ganray:EditRequestID"] == "a-0"
    assert given[0][0].edits == ({"white": {}},) and given[0][0].facts


def test_pictures_beside_the_photo_are_uploaded_too(client, seller_photos, tmp_path):
    ground = tmp_path / "ground.png"
    ground.write_bytes(seller_photos["mugs/plain.png"])
    chain = [{"background": {"picture": "ground"}}]
    uploaded = client.edit(PHOTO, chain, id="a", pictures={"ground": ground})
    assert uploaded.data == client.edit(PHOTO, chain, id="a", pictures={"ground": "mugs/plain.png"}).data


def test_a_report_says_what_fails_and_its_mending_mends_it(client, seller_photos):
    report = client.check(seller_photos[PHOTO], "amazon-main")
    assert not report.ok and (report.width, report.height) == (96, 96) and report.profile == "amazon-main"
    assert any(finding.state == "fails" and finding.wanted for finding in report.findings)
    assert report == client.check(PHOTO)


def test_the_listings(client, engine):
    (model,) = client.models()
    assert (model["digest"], model["attributes"]["colour"]) == (engine.info.digest, ["red", "grün"])
    assert {"white", "conform"} <= {card["name"] for card in client.edits()}
    assert "amazon-main" in {card["name"] for card in client.profiles()}
    assert client.healthy()


def test_wrong_values_are_the_servers_words_and_are_sent_once(client, server):
    with pytest.raises(BadRequest) as caught:
        client.generate(attributes={"colour": "mauve"}, request_id="r-1")
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (400, "request", "r-1")
    assert "mauve" in str(caught.value) and str(caught.value).endswith("Request r-1") and not caught.value.retryable
    with pytest.raises(Invalid) as caught:
        client.edit(b"no photo", ["white"])
    assert caught.value.reason == "unknown_format"
    with pytest.raises(NotFound):
        client.generate(model="another")
    assert len(server[0].seen) == 3


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=st.lists(st.sampled_from(sorted(FAULTS)), max_size=3), count=st.sampled_from([1, 2]))
def test_whatever_fails_up_to_the_retries_the_answer_is_the_one_without_faults(client, server, engine, faults, count):
    app, _ = server
    app.faults[:], app.seen[:] = faults, []
    made = client.generate(attributes={"category": "mug"}, count=count)
    assert len(app.seen) == len(faults) + 1
    assert len({body for _, body in app.seen}) == 1 and len(set(app.headers("x-request-id"))) == 1
    samples = list(engine.generate([GenerateRequest(id=made.id, seed=made.seed, attributes={"category": "mug"}, count=count)]))
    expected = [encode_sample(each.pixels, SampleFile(made.id, k, made.seed, "png", engine.info.digest)) for k, each in enumerate(samples)]
    assert [image.data for image in made] == expected


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=3))
def test_an_upload_is_sent_again_whole(client, server, seller_photos, faults):
    app, _ = server
    app.faults.clear()
    expected = client.edit(seller_photos[PHOTO], ["white"]).data
    app.faults[:], app.seen[:] = faults, []
    assert client.edit(seller_photos[PHOTO], ["white"]).data == expected
    assert len(app.seen) == len(faults) + 1 and len({body for _, body in app.seen}) == 1


def test_more_faults_than_retries_are_the_last_ones_error(client, server):
    server[0].faults[:] = ["503", "502", "cut", "429"]
    with pytest.raises(RateLimited) as caught:
        client.generate()
    assert caught.value.retryable and len(server[0].seen) == 4
    server[0].faults[:] = ["cut"]
    with Client(server[1], retries=0) as once, pytest.raises(Unreachable):
        once.generate()
    assert not server[0].faults


def test_a_kept_answer_is_asked_for_by_its_tag_and_not_sent_again(server):
    cache = {}
    app, url = server
    with Client(url, cache=cache) as client:
        first = client.generate(id="a", seed=1)
        again = client.generate(id="a", seed=1)
        assert app.headers("if-none-match") == ["", first.etag]
        assert again.cached and not first.cached
        assert (again.images, again.seed, again.model, again.etag) == (first.images, first.seed, first.model, first.etag)
        assert again.request_id != first.request_id
        client.generate()  # nobody can ask for it again
        assert len(cache) == 1
        (name,) = cache
        cache[name] = b"broken"
        assert client.generate(id="a", seed=1).images == first.images
    with Client(url, cache=cache) as another:
        assert another.generate(id="a", seed=1).cached


def test_the_time_left_is_told_to_the_server(server):
    with Client(server[1], timeout=5.0) as client:
        client.generate()
        client.generate(timeout=0.9)
    first, second = map(int, server[0].headers("x-ganray-timeout-ms"))
    assert 4500 <= first <= 5000 and 500 <= second <= 900


def test_retry_after_is_waited_for_and_not_begun_where_it_is_too_long():
    busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
    good = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"models":[]}'
    with sending(busy, good) as url, Client(url) as client:
        began = time.monotonic()
        assert client.models() == []
        assert 1.0 <= time.monotonic() - began < 3.0
    with sending(b"HTTP/1.1 429 No\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n") as url, Client(url) as client:
        began = time.monotonic()
        with pytest.raises(RateLimited) as caught:
            client.models()
        assert caught.value.retry_after == 3600 and time.monotonic() - began < 1


@pytest.mark.parametrize("fault", [b"", b"HTTP/1.1 20", b"nonsense\r\n\r\n"], ids=["closed", "half a head", "not HTTP"])
def test_a_connection_that_ends_before_its_answer_is_tried_again(fault):
    good = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"profiles":[]}'
    with sending(fault, fault, good) as url, Client(url) as client:
        assert client.profiles() == []


@pytest.mark.parametrize("begin", [b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n", b""], ids=["drips", "silent"])
def test_an_answer_that_drips_or_does_not_come_ends_with_the_time(begin):
    with sending((0.01, begin + b" " * 400) if begin else (1.0, b"  ")) as url, Client(url, timeout=0.6) as client:
        began = time.monotonic()
        with pytest.raises(TimedOut):
            client.models()
        assert time.monotonic() - began < 1.5


def test_a_server_that_is_started_again_meanwhile_is_found(server):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with Client(url, retries=30) as client:
        assert not client.healthy()
        made = []
        thread = threading.Thread(target=lambda: made.append(client.generate(id="a", seed=1)))
        thread.start()
        time.sleep(0.05)
        with listening(server[0].app, port):
            thread.join()
            assert client.generate(id="a", seed=1).images == made[0].images


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nlogin",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
    ],
)
def test_what_no_ganray_server_answers_is_one_error(answer):
    with sending(answer) as url, Client(url) as client, pytest.raises(BadAnswer) as caught:
        client.generate()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://a/", "http://", "http://a/?b=1", "http://a:b/"])
def test_a_url_that_is_none_is_refused_at_once(url):
    with pytest.raises(ValueError, match="url"):
        Client(url)


def test_a_key_goes_to_its_server_and_into_no_log(server):
    with Client(server[1], key="gr_secret") as client:
        assert "gr_secret" not in repr(client) + repr(client._session) + str(vars(client))
    with pytest.raises(ValueError, match="printable") as caught:
        Client(server[1], key="gr_secret\r\nX-Evil: 1")
    assert "gr_secret" not in str(caught.value)


def test_a_transport_of_ones_own_carries_the_calls():
    seen = []

    def handler(request):
        seen.append(request)
        return httpx.Response(200, json={"models": []})

    with Client("https://shop.example/images/", key="k", transport=httpx.MockTransport(handler)) as client:
        client.models()
    assert str(seen[0].url) == "https://shop.example/images/v1/models"
    assert seen[0].headers["authorization"] == "Bearer k"


def test_the_two_clients_have_the_same_methods():
    def surface(kind):
        methods = {name: inspect.signature(value) for name, value in vars(kind).items() if inspect.isfunction(value) and name[0] != "_"}
        return {"close" if name == "aclose" else name: str(value).replace("AsyncIterator", "Iterator") for name, value in methods.items()}

    assert surface(Client) == surface(AsyncClient)


def test_a_path_that_is_not_there_is_an_oserror(client):
    with pytest.raises(FileNotFoundError):
        client.edit(Path("nowhere.jpg"), ["white"])
