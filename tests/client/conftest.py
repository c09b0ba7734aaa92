"""A server for the client: the real app of a small random model, behind uvicorn, with faults where a test asks for them."""

import contextlib
import time

import pytest
import yaml

import ganray
from ganray.benchmarks.random_model import make_model
from ganray.client import exchange
from ganray.config import EditConfig, GenerateConfig, ModelConfig, ServeConfig
from ganray.engine import Engine
from ganray.errors import GanrayError
from ganray.serving.app import make_app
from ganray.serving.job_store import Ended, JobStore
from ganray.serving.jobs import Jobs, add_jobs
from ganray.serving.webhook_targets import TargetRules
from ganray.serving.webhooks import Webhooks
from tests.tools.faulty_http import FaultyApp, listening
from tests.tools.jobs import put_photos
from tests.tools.served_jobs import HeldRunner

ATTRIBUTES = {"category": ("bag", "mug"), "colour": ("red", "grün")}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8), ATTRIBUTES)
    return folder


@pytest.fixture(scope="module")
def engine(model):
    return Engine.load(model, "cpu", threads=2)


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


class Runner(HeldRunner):
    """Does jobs whole in this process, as the process of a job has them done by a command; while it is `held`, they wait for ever."""

    def __init__(self, store):
        super().__init__()
        self.held, self._store = False, store

    def submit(self, record):
        super().submit(record)
        if not self.held:
            self._store.note(record, self._store.started, {"at": time.time()})
            self._store.end(record, self._ended(record))
            self.states[record.id] = "gone"

    def _ended(self, record):
        config = yaml.safe_load(self._store.config(record))
        verb, kind = (ganray.edit, EditConfig) if record.kind == "edit" else (ganray.generate, GenerateConfig)
        try:
            verb(kind.model_validate(config))
        except GanrayError as error:
            return Ended("failed", time.time(), error.code, error.message)
        return Ended("succeeded", time.time())


@contextlib.contextmanager
def serving_jobs(engine, config):
    """(runner, app, URL) of a server whose jobs are kept and seen to as in any other, and done in this process."""
    runner = Runner(JobStore(config.jobs))
    public = TargetRules(resolve=lambda *_, **__: [(0, 0, 0, "", ("93.184.216.34", 443))])  # no test has such a job end
    jobs, app = Jobs(config, runner, webhooks=Webhooks([b"k" * 24], public)), make_app(engine, config)
    add_jobs(app, jobs)
    faulty = FaultyApp(app)
    jobs.start()
    try:
        with listening(faulty) as url:
            yield runner, faulty, url
    finally:
        jobs.stop()


@pytest.fixture
def job_server(engine, model, tmp_path, monkeypatch):
    """A server without jobs: its runner, app and URL; waits between tries are short."""
    monkeypatch.setattr(exchange, "FIRST_WAIT", 0.002)
    with serving_jobs(engine, ServeConfig(model=model, jobs=str(tmp_path / "jobs"), wait_ms=1.0)) as served:
        yield served
