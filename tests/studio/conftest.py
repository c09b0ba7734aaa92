"""One server and one Chromium for the tests of the page: a real app by uvicorn with a model whose weights are set by hand, no Ray."""

import base64
import itertools
import json
import shutil
import socket
import time
from contextlib import contextmanager

import pytest
import yaml

import ganray
from ganray.catalog.sample import draw, product
from ganray.config import EditConfig, GenerateConfig, ServeConfig
from ganray.engine import Engine
from ganray.images.codec import encode
from ganray.serving.app import make_app
from ganray.serving.context import Caller
from ganray.serving.job_body import JobRequest
from ganray.serving.job_store import Ended
from ganray.serving.jobs import Jobs, add_jobs
from ganray.serving.keys import hash_of, new_key
from ganray.serving.local_server import LocalServer
from ganray.serving.studio_page import add_studio
from tests.tools.served_jobs import HeldRunner
from tests.tools.white_model import make_white_model

ATTRIBUTES = {"category": ("bag", "mug"), "colour": ("red", "grün", "navy")}
KEY = new_key()
STATUS = "the server responded with a status of "  # what Chromium's console says of an answer that is an error


@pytest.fixture(scope="package")
def engine(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    make_white_model(folder, ATTRIBUTES)
    return folder, Engine.load(folder, "cpu", threads=2)


@contextmanager
def serving(engine, jobs=None, **options):
    folder, loaded = engine
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        config = ServeConfig(model=folder, port=probe.getsockname()[1], wait_ms=1.0, studio=False, **options)
    app = make_app(loaded, config)
    add_studio(app)
    if jobs:
        add_jobs(app, jobs)
    server = LocalServer(config, app)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def run_job(jobs, body):
    """Do a job whole, in this process, as the runner of a server has it done in another one."""
    record = jobs.do_begin(jobs.do_prepare(JobRequest.model_validate(body), Caller(), ""))
    config = yaml.safe_load(jobs.store.config(record))
    verb, kind = (ganray.edit, EditConfig) if record.kind == "edit" else (ganray.generate, GenerateConfig)
    jobs.store.note(record, jobs.store.started, {"at": time.time()})
    verb(kind.model_validate(config))
    jobs.store.end(record, Ended("succeeded", time.time()))


@pytest.fixture(scope="package")
def url(engine, photo, tmp_path_factory):
    """A server with two jobs that are done, one of which left a photo out. Jobs that tests submit wait for ever."""
    jobs = Jobs(ServeConfig(model=engine[0], jobs=str(tmp_path_factory.mktemp("jobs"))), HeldRunner())
    values = itertools.product(*ATTRIBUTES.values())
    requests = [{"id": f"{kind}-{colour}", "attributes": {"category": kind, "colour": colour}, "seed": 5} for kind, colour in values]
    run_job(jobs, {"kind": "generate", "requests": requests, "options": {"format": "jpeg"}})
    photos = {"bottle": inline(photo.read_bytes()), "broken": inline(b"no picture")}
    run_job(jobs, {"kind": "edit", "requests": [{"id": id, "image": image} for id, image in photos.items()], "edits": ["white"]})
    with serving(engine, jobs) as url:
        yield url


def inline(data):
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


@pytest.fixture(scope="package")
def keyed_url(engine, tmp_path_factory):
    """A server under a prefix that answers callers with KEY alone, and has no jobs."""
    path = tmp_path_factory.mktemp("keys") / "keys.yaml"
    path.write_text(json.dumps({"keys": [{"name": "designer", "hash": hash_of(KEY)}]}))
    with serving(engine, prefix="/shop/v2", keys=str(path)) as url:
        yield url


@pytest.fixture(scope="package")
def photo(tmp_path_factory):
    """A product on a plain ground, 256 pixels."""
    path = tmp_path_factory.mktemp("photos") / "bottle <b>ü.jpg"
    path.write_bytes(encode(draw(product(5, 1), 256)[0], "jpeg"))
    return path


@pytest.fixture(scope="package")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        pytest.skip("no Chromium: install chromium (Debian)")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield chromium
        chromium.close()


class Opened:
    """A page that is open, and what it may not do: speak to another server, write an error to the console, fail."""

    def __init__(self, page, origin):
        self.page, self.expected, self.faults = page, set(), []
        page.on("console", lambda message: message.type in ("error", "warning") and self._message(message.text))
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", lambda request: self._requested(request.url, origin))

    def _message(self, text):
        status = text.partition(STATUS)[2][:3]
        if not (status.isdecimal() and int(status) in self.expected):
            self.faults.append(text)

    def _requested(self, url, origin):
        if not url.startswith((origin + "/", f"blob:{origin}/", "data:image/svg+xml,")):
            self.faults.append(f"request to {url[:100]}")

    def expect(self, *statuses):
        """Answers with these statuses are part of the test."""
        self.expected |= set(statuses)


@pytest.fixture
def open_page(browser):
    """Open the studio at a URL; after the test no page may have had a fault."""
    contexts, pages = [], []

    def opened(url, hash="", width=1280, expect=(), **options):
        options = {"locale": "en-GB", "color_scheme": "light", "reduced_motion": "reduce", "accept_downloads": True, **options}
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)  # the machine may be doing other things
        page.studio = Opened(page, "/".join(url.split("/")[:3]))
        page.studio.expect(*expect)
        pages.append(page)
        page.goto(f"{url}/studio{hash}")
        page.wait_for_selector("body:not([aria-busy]) [role=tab][aria-selected=true]")
        return page

    yield opened
    faults = [fault for page in pages for fault in page.studio.faults]
    for context in contexts:
        context.close()
    assert not faults, "\n".join(faults)


@pytest.fixture
def keyboard():
    """Reach a control with the Tab key alone, as a person without a mouse does."""

    def reach(page, name, role="button", backwards=False, times=120):
        target = page.get_by_role(role, name=name, exact=True).locator("visible=true").first
        for _ in range(times):
            if target.count() and target.evaluate("node => node === document.activeElement"):
                return target
            page.keyboard.press("Shift+Tab" if backwards else "Tab")
        raise AssertionError(f"the Tab key does not reach {role} {name!r}")

    return reach
