"""Fixtures of every room: an S3-compatible server, a Ray cluster and small catalogs, each made once and only where a test asks for it."""

import os
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from ganray.catalog.sample import draw, product
from ganray.config import RayConfig
from ganray.images.codec import encode
from ganray.storage import open_store
from tests.tools import s3_server
from tests.tools.catalogs import PRODUCTS, SIDE, write_catalog, write_items
from tests.tools.children import forked_children

LONG_SECONDS = 7200.0
FORKING = ("bulk", "contract", "verbs")
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch and Ray look for GPUs: equal bits are promised on a CPU, and a GPU is somebody's
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch loads: spinning threads on shared cores are up to 27x slower


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the tests marked `long` too: the whole of what CI runs a short form of")


def pytest_make_parametrize_id(config, val, argname):
    """Files in parameters: some hold the time (gzip, profiles), and the processes of pytest-xdist must give tests the same names."""
    return f"{argname} of {len(val)} bytes" if isinstance(val, bytes) and len(val) > 24 else None


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(config, items):
    if not config.getoption("--long"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(group_of(item)))
    items.sort(key=lambda item: group_of(item) != "s3")  # the longest group begins


def pytest_collection_finish(session):
    """pytest-xdist 3.8 writes the group into a test's id; pytest 9.2 ignores that, and every fixture is made twice without a word."""
    if getattr(session.config.option, "loadgroup", False) and any("@" not in item.nodeid for item in session.items):
        raise pytest.UsageError("pytest-xdist does not group tests with this version of pytest: pip install -c constraints.txt pytest")


def group_of(item) -> str:
    """What runs in one process with --dist loadgroup: all tests with the S3 server, which is started once, or else those of a file."""
    return "s3" if item.get_closest_marker("s3") else item.location[0]


@pytest.fixture(scope="module", autouse=True)
def forked_decoders(request):
    """In rooms whose tests start many decoders, these are forked from a process that has made their imports."""
    if request.path.parent.name not in FORKING:
        yield
        return
    with forked_children():
        yield


@pytest.fixture(scope="session")
def s3_environment():
    """The environment variables that lead any S3 client to a real server; skips where its packages are not installed."""
    if reason := s3_server.missing():
        pytest.skip(reason)
    with s3_server.running() as environment:
        yield environment


@pytest.fixture
def s3_url(s3_environment, monkeypatch) -> str:
    """A fresh prefix of a bucket, with the environment set to reach it."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_SKIP_SIGNATURE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://ganray/{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def s3_pages(s3_environment) -> tuple[str, list[str]]:
    """A prefix of empty objects, and their keys: more than a listing has on a page. Only to be read."""
    keys, url = [f"{number:04d}" for number in range(1010)], f"s3://ganray/{uuid.uuid4().hex}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_environment.items():
            patch.setenv(name, value)
        store = open_store(url)
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda key: store.put(key, b""), keys))
    return url, keys


@pytest.fixture(scope="session")
def started_bulk_lab(s3_environment, seller_photos):
    from tests.tools.bulk_lab import BulkLab

    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_environment.items():
            patch.setenv(name, value)
        with BulkLab("s3://ganray/lab") as lab:
            lab.put_photos(seller_photos)
            yield lab


@pytest.fixture
def bulk_lab(started_bulk_lab, s3_environment, monkeypatch):
    """Whole bulk jobs over a store behind a proxy that injects faults; without faults, in the job's own process, at the begin."""
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    started_bulk_lab.reset()
    yield started_bulk_lab
    started_bulk_lab.reset()


@pytest.fixture(scope="session")
def signer():
    """A root of our own and a certificate for signing, as C2PA asks for them."""
    pytest.importorskip("c2pa")
    from tests.tools.signer import make_signer

    return make_signer()


@pytest.fixture(scope="session")
def seller_photos() -> dict[str, bytes]:
    """A seller's bucket, drawn: products on plain white, what no shop could use, and what is no photo. Key -> bytes."""
    from io import BytesIO

    from PIL import Image

    from ganray.catalog.sample import draw, product
    from ganray.images.codec import encode
    from ganray.images.provenance import Label, encode_labelled

    pictures = [draw(product(5, index), 96) for index in range(5)]
    cluttered = draw(product(5, 7, cluttered=1.0), 96)[0]

    def saved(image, kind, **options):
        image.save(file := BytesIO(), kind, **options)
        return file.getvalue()

    frames = [Image.fromarray(pixels) for pixels, _ in pictures[:2]]
    jpeg = encode(pictures[0][0], "jpeg")
    return {
        "mugs/red ü.jpg": jpeg,
        "mugs/plain.png": encode(pictures[1][0], "png"),
        "same.jpg": encode(pictures[2][0], "jpeg"),
        "same.webp": encode(pictures[2][0], "webp"),
        "made.png": encode_labelled(pictures[3][0], "png", Label("0" * 64, "made-0", 7, "ganray 0.1.0")),
        "cutout.png": encode(pictures[4][0], "png", alpha=pictures[4][1]),
        "cmyk.jpg": saved(Image.fromarray(pictures[0][0]).convert("CMYK"), "JPEG"),
        "animated.gif": saved(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "broken.jpg": jpeg[: len(jpeg) // 2],
        "cluttered.png": encode(cluttered, "png"),
        "empty.png": b"",
        "one.png": encode(pictures[0][0][:1, :1], "png"),
        "notes.txt": b"not a photo",
    }


@pytest.fixture(scope="session")
def editor_folder(tmp_path_factory) -> str:
    """An editor that has learned nothing yet: its upscaling is a resampling with a little noise, the same every time."""
    import torch

    from ganray.config import EditorConfig
    from ganray.model_folder import EditorInfo, save_editor
    from ganray.models.editor import build_editor
    from ganray.storage import open_store

    config = EditorConfig(tasks=("upscale", "matte"), widths=(8, 8, 8, 8, 8), detail_width=8, detail_blocks=1)
    folder = str(tmp_path_factory.mktemp("editor"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_editor(open_store(folder), build_editor(config), EditorInfo(editor=config))
    return folder


@pytest.fixture(scope="session")
def cluster():
    """A cluster of 3 logical CPUs; everything that needs Ray runs in it, by `RayConfig()`."""
    import ray

    from ganray.on_ray.cluster import connect

    yield connect(RayConfig(num_cpus=3))
    ray.shutdown()


@pytest.fixture(scope="session")
def small_catalog(tmp_path_factory) -> str:
    """URL of a catalog of 192 products at 32 px in 2 shards of 6 row groups, made without Ray."""
    url = str(tmp_path_factory.mktemp("catalogs") / "small")
    write_catalog(url, PRODUCTS, SIDE)
    return url


@pytest.fixture(scope="session")
def titled_catalog(tmp_path_factory) -> str:
    """URL of a catalog of 192 products at 32 px with titles, made without Ray; the first one has none."""
    url = str(tmp_path_factory.mktemp("catalogs") / "titled")
    items = [product(0, index) for index in range(PRODUCTS)]
    pictures = [encode(draw(item, SIDE)[0], "png") for item in items]
    write_items(
        url,
        [(data, item.category, item.colour, item.title if k else "") for k, (data, item) in enumerate(zip(pictures, items, strict=True))],
        SIDE,
    )
    return url
