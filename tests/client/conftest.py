"""A server for the client: the real app of a small random model, behind uvicorn, with faults where a test asks for them."""

import pytest

from ganray.benchmarks.random_model import make_model
from ganray.client import exchange
from ganray.config import ModelConfig, ServeConfig
from ganray.engine import Engine
from ganray.serving.app import make_app
from tests.tools.faulty_http import FaultyApp, listening
from tests.tools.jobs import put_photos

ATTRIBUTES = {"category": ("bag", "mug"), "colour": ("red", "grün")}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8), ATTRIBUTES)
    return Engine.load(folder, "cpu", threads=2)


@pytest.fixture(scope="module")
def started(engine, seller_photos, tmp_path_factory):
    source = put_photos(tmp_path_factory.mktemp("shop") / "photos", seller_photos).url
    app = FaultyApp(make_app(engine, ServeConfig(wait_ms=1.0, source=source)))
    with listening(app) as url:
        yield app, url


@pytest.fixture
def server(started, monkeypatch):
    """The app and its URL; waits between tries are short."""
    app, url = started
    app.faults.clear()
    app.seen.clear()
    monkeypatch.setattr(exchange, "FIRST_WAIT", 0.002)
    return app, url
