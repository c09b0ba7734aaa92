import pytest
from fastapi.testclient import TestClient

from ganray.benchmarks.plain_server import make_files, make_plain_app, with_defaults
from ganray.benchmarks.random_model import make_model
from ganray.engine import Engine
from ganray.images.provenance import read_label
from ganray.requests import GenerateRequest


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder)
    return Engine.load(folder, device="cpu", threads=2)


def test_it_answers_with_the_file_of_the_engine(engine):
    with TestClient(make_plain_app(engine)) as client:
        answers = [client.post("/v1/generate", json={"seed": seed, "id": "a"}) for seed in (1, 2)]
    expected = make_files(engine, [GenerateRequest(id="a", seed=seed) for seed in (1, 2)])
    assert [answer.content for answer in answers] == expected
    assert {answer.headers["content-type"] for answer in answers} == {"image/png"}
    assert "a-0" in str(read_label(answers[0].content))


def test_a_request_that_the_engine_refuses_does_not_end_the_server(engine):
    with TestClient(make_plain_app(engine), raise_server_exceptions=False) as client:
        assert client.post("/v1/generate", json={"attributes": {"nothing": "x"}}).status_code == 500
        assert client.post("/v1/generate", json={"seed": "x"}).status_code == 422
        assert client.post("/v1/generate", json={"seed": 3}).status_code == 200


def test_a_request_without_a_seed_gets_one():
    first, second = (with_defaults(GenerateRequest()) for _ in range(2))
    assert first.seed != second.seed and first.id == str(first.seed)
    assert with_defaults(GenerateRequest(id="a", seed=1)) == GenerateRequest(id="a", seed=1)
