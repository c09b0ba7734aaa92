"""An edit job: shards are edited in this process."""

import io
import json
import threading
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from ganray.bulk import commit
from ganray.bulk.driver import BulkRun, run_job
from ganray.bulk.edit_job import make_edit_job, requests_of
from ganray.bulk.edit_page import show_pairs
from ganray.bulk.edit_shard import ShardEditor
from ganray.bulk.job import open_job
from ganray.config import EditConfig, LabelConfig
from ganray.edit_engine import EditEngine
from ganray.edits import EDITS, Edit, NoParams, Stage
from ganray.errors import ConfigError, ImageError, StorageError
from ganray.execution.local import LocalExecutor
from ganray.execution.port import ShardWork, Workers
from ganray.images.codec import Limits, encode
from ganray.images.credentials import validity
from ganray.images.provenance import read_label
from ganray.images.untrusted import SafeDecoder
from ganray.output.label_options import NO_LABEL_OPTIONS, LabelOptions, read_label_options
from ganray.profiles.checker import check
from ganray.profiles.profile import profile
from ganray.storage import open_store
from ganray.storage.capped import read_capped
from ganray.storage.local import LocalStore
from tests.tools.jobs import put_photos

REASONS = {
    "animated": "animated",
    "broken": "truncated",
    "cluttered": "no_network",
    "empty": "empty",
    "one": "too_small",
}


@pytest.fixture(autouse=True)
def at_one_time(monkeypatch):
    """The only thing that two jobs of the same photos differ in."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")


@pytest.fixture
def config(seller_photos, tmp_path):
    photos = put_photos(tmp_path / "photos", seller_photos)
    return EditConfig(source=photos.url, edits="white", out=str(tmp_path / "out"), shard_images=4)


@pytest.fixture(scope="module")
def decoder():
    return SafeDecoder()


def run(config, decoder, out=None, marks=NO_LABEL_OPTIONS):
    """The whole job, as edit() does it; the tallies of its shards."""
    out = out or open_store(config.out)
    engine = EditEngine.load(threads=1, decode=decoder)
    with requests_of(config, out) as source:
        plan = open_job(out, make_edit_job(config, source, engine.digest, marks.digest), source)
    editor, tallies = ShardEditor(engine, open_store(config.source), out, plan, marks), []

    def one_shard(shard):
        tallies.append(editor(shard))
        return tallies[-1]

    run_job(BulkRun("edit", out, plan, ShardWork(lambda: one_shard, Workers(1)), show_pairs), LocalExecutor(), time.time())
    return commit.close_job(out, plan, show_pairs), tallies


def contents(url):
    """All but status.json, which tells the time."""
    store = open_store(url)
    return {info.key: store.get(info.key) for info in store.list() if info.key != "status.json"}


def rows_of(url, name="manifest"):
    return pq.read_table(io.BytesIO(open_store(url).get(f"{name}.parquet"))).to_pylist()


def test_photos_become_labelled_pictures_and_the_others_are_told_why(config, decoder):
    books, tallies = run(config, decoder)
    assert books == {"images": 7, "quarantined": 5}
    assert sum(tally.written for tally in tallies) == 7 and sum(tally.images for tally in tallies) == 12
    assert {row["id"]: row["reason"] for row in rows_of(config.out, "quarantine")} == REASONS
    assert all(row["message"] and row["source"] for row in rows_of(config.out, "quarantine"))
    store = open_store(config.out)
    for row in rows_of(config.out):
        data = store.get(row["key"])
        assert len(data) == row["bytes"]
        assert Image.open(io.BytesIO(data)).size == (row["width"], row["height"]) == (96, 96)
        found = read_label(data)
        assert (found["ganray:SourceSHA256"], found["ganray:Edits"]) == (row["source_sha256"], row["edits"])
        assert found.get("Iptc4xmpExt:DigitalSourceType", "").rpartition("/")[2] == row["source_type"]
        assert json.loads(row["facts"]).get("matte", "border") == "border"
        assert (row["seed"], row["time"]) == (int(found["ganray:EditSeed"]), "2026-09-21T14:13:20+00:00")
    assert {row["id"]: row["source_type"] for row in rows_of(config.out) if row["source_type"]} == {"made": "trainedAlgorithmicMedia"}


def test_the_page_and_the_sheet_show_pairs_of_small_labelled_copies(config, decoder):
    run(config, decoder)
    made = contents(config.out)
    shown = [row["shown"] for row in rows_of(config.out)]
    assert all(f"{stem}-{when}.webp" in made for stem in shown for when in ("before", "after"))
    page = made["index.html"].decode()
    assert len(page) < 20_000 and page.count('type="range"') == 7
    assert all(f'src="{stem}-before.webp"' in page for stem in shown)
    assert "7 pictures, 5 were not edited" in page
    (generated,) = (row["shown"] for row in rows_of(config.out) if row["id"] == "made")
    for when in ("before", "after"):
        assert read_label(made[f"{generated}-{when}.webp"])["Iptc4xmpExt:DigitalSourceType"].endswith("/trainedAlgorithmicMedia")
    sheet = Image.open(io.BytesIO(made["contact_sheet.png"]))
    assert sheet.height > 2 * 128 and sheet.width > 7 * 128
    assert read_label(made["contact_sheet.png"])["ganray:EditRequestID"] == "contact sheet"


class Unsure:
    """A network that sees the red things, and half sees the green ones."""

    size, halo = 64, 0

    def __call__(self, x):
        red, green = (x[:, channel : channel + 1] - x[:, 1 - channel : 2 - channel] > 0.3 for channel in (0, 1))
        return np.maximum(1.0 * red, 0.5 * green).astype(np.float32)


def doubtful_photo(width):
    """A red product beside a green one so wide, on a floor."""
    pixels = np.random.default_rng(0).integers(60, 200, (200, 200, 3), np.uint8)
    pixels[60:140, 20:100], pixels[60 - width // 2 : 140 + width // 2, 110 : 110 + width] = (220, 40, 40), (40, 220, 40)
    return encode(pixels, "png")


@pytest.mark.parametrize(("strict", "kept"), [(False, {"plain", "some"}), (True, {"plain"})])
def test_doubtful_results_are_counted_shown_first_and_quarantined(tmp_path, decoder, monkeypatch, strict, kept):
    """None of the product is doubtful, an eighth of it, and a fifth; each that is refused can be looked at."""
    source = open_store(str(tmp_path / "source"))
    for name, width in {"plain": 0, "some": 40, "much": 76, "more": 78, "most": 80}.items():
        source.put(f"{name}.png", doubtful_photo(width))
    monkeypatch.setattr(EditEngine, "load", lambda threads, decode: EditEngine(None, {"matte": Unsure()}, "", threads, decode))
    config = EditConfig(source=source.url, edits="white", out=str(tmp_path / "out"), strict=strict, shard_images=6)
    books, _ = run(config, decoder)
    manifest, quarantine = rows_of(config.out), rows_of(config.out, "quarantine")
    assert {row["id"] for row in manifest} == kept
    assert {row["reason"] for row in quarantine} == {"doubtful_matte"} and all(row["doubt"] >= 0.1 for row in quarantine)
    assert books.get("doubtful", 0) == len(kept) - 1
    made = contents(config.out)
    assert all(f"{row['shown']}-after.webp" in made and row["message"] for row in quarantine)
    if not strict:
        page = made["index.html"].decode()
        assert page.count("<strong>doubtful</strong>") == 1 and page.index("some-0") < page.index("plain-0")


def test_the_same_job_is_the_same_bytes_and_run_again_finds_nothing_to_do(config, decoder):
    run(config, decoder)
    made = contents(config.out)
    assert run(config, decoder) == ({"images": 7, "quarantined": 5}, [])
    assert contents(config.out) == made
    elsewhere = config.model_copy(update={"out": config.out + "-2"})
    run(elsewhere, decoder)
    assert contents(elsewhere.out) == made


class Cut(Exception):
    """The process ends here."""


class Cutting(LocalStore):
    """Stops before or after the write number `at`."""

    at, after, writes = 0, False, 0

    def create(self, key, data):
        self.writes += 1
        if self.writes == self.at and not self.after:
            raise Cut
        etag = super().create(key, data)
        if self.writes == self.at:
            raise Cut
        return etag


def test_cut_off_at_any_write_it_ends_with_the_same_bytes(seller_photos, decoder, tmp_path):
    """Before each write, and with the reply lost after every third; of one picture in each shard, and one that is refused."""
    photos = put_photos(tmp_path / "few", {key: seller_photos[key] for key in ("broken.jpg", "same.jpg", "made.png")})
    config = EditConfig(source=photos.url, edits="white", out=str(tmp_path / "out"), shard_images=2)
    books, _ = run(config, decoder)
    assert books == {"images": 2, "quarantined": 1}
    made = contents(config.out)
    for at in range(1, len(made) + 1):
        for after in (False, True) if at % 3 == 1 else (False,):
            out = tmp_path / f"cut-{at}-{after}"
            cutting = Cutting(out)
            cutting.at, cutting.after = at, after
            with pytest.raises(Cut):
                run(config, decoder, cutting)
            run(config.model_copy(update={"out": str(out)}), decoder)
            assert contents(str(out)) == made


def test_an_error_leaves_no_thread_that_the_garbage_collector_would_wait_for(config, decoder):
    """Who holds the error holds the frames that it passed through, and their generators."""
    cutting = Cutting(open_store(config.out).root)
    cutting.at = 9  # of a picture
    with pytest.raises(Cut) as held:
        run(config, decoder, cutting)
    names = [entry.name for entry in held.traceback]
    assert "create_all" in names, names
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("read_")]


@pytest.mark.parametrize("changes", [{"edits": "cutout"}, {"seed": 1}, {"format": "png"}, {"max_pixels": 5000}])
def test_another_job_in_the_same_place_is_refused(config, decoder, changes):
    run(config, decoder)
    with pytest.raises(StorageError, match="holds another job"):
        run(config.model_copy(update=changes), decoder)


def test_a_table_s_photos_that_are_not_there_and_results_of_chance(config, decoder, tmp_path, monkeypatch):
    def noisy(photo, params, tools):
        return photo.having(pixels=photo.pixels ^ tools.rng().integers(0, 4, photo.pixels.shape, "uint8"))

    monkeypatch.setitem(EDITS, "noisy", Edit(NoParams, noisy, Stage.REPAIR))
    rows = [
        {"id": "a", "image": "gone.jpg"},
        {"id": "b", "image": "../../etc/passwd"},
        {"id": "c", "image": "same.jpg", "edits": "noisy", "count": 6},
        {"id": "d", "image": "same.jpg", "edits": [{"background": {"picture": "p"}}]},
        {"id": "e", "image": "same.jpg", "edits": [{"background": {"picture": "p"}}], "pictures": {"p": "mugs/plain.png"}},
        {"id": "f", "image": "mugs"},
        {"id": "g", "image": "same.jpg", "edits": "cutout", "format": "jpeg"},
        {"id": "h", "image": "same.jpg", "edits": "inpaint", "pictures": {"mask": "gone.png"}},
        {"id": "i", "image": "same.jpg", "edits": "inpaint", "pictures": {"mask": "one.png"}},
        {"id": "j", "image": "same.jpg", "edits": "inpaint"},
        {"id": "k", "image": "data:image/png;base64,####"},
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    table = config.model_copy(update={"requests": str(tmp_path / "t.jsonl")})
    books, _ = run(table, decoder)
    reasons = {row["id"]: row["reason"] for row in rows_of(config.out, "quarantine")}
    assert reasons == {"a": "not_found", "b": "invalid_key", "d": "request", "f": "not_found", "g": "no_alpha"} | {
        "h": "not_found",
        "i": "mask",
        "j": "request",
        "k": "data_url",
    }
    assert books == {"images": 7, "quarantined": 9}
    noise = [row for row in rows_of(config.out) if row["id"] == "c"]
    assert [row["index"] for row in noise] == list(range(6)) and len({row["sha256"] for row in noise}) == 6


def test_an_edit_that_breaks_down_costs_that_photo_alone(config, decoder, monkeypatch):
    def fragile(photo, params, tools):
        if photo.size == (1, 1):
            raise ZeroDivisionError("a defect")
        return photo

    monkeypatch.setitem(EDITS, "fragile", Edit(NoParams, fragile, Stage.REPAIR))
    run(config.model_copy(update={"edits": "fragile"}), decoder)
    (row,) = (row for row in rows_of(config.out, "quarantine") if row["id"] == "one")
    assert (row["reason"], row["message"].split(".")[0]) == ("failed", "ZeroDivisionError: a defect")


class Flaky(LocalStore):
    """A source of which some reads fail while its list is answered."""

    failing, reads = 0, 0

    def get_range(self, key, start, length):
        self.reads += 1
        if self.reads <= self.failing:
            raise StorageError(f"{key}: no answer in time")
        return super().get_range(key, start, length)


@pytest.mark.parametrize(("failing", "same"), [(1, True), (2, False)])
def test_a_photo_whose_store_was_away_for_a_moment_is_read_again(config, tmp_path, failing, same):
    source = Flaky(tmp_path / "photos")
    editor = ShardEditor(EditEngine(threads=1), source, open_store(config.out), make_plan(config))
    source.failing = failing
    if same:
        assert editor._read("same.jpg") == source.get("same.jpg")
    else:
        with pytest.raises(ImageError, match="no answer in time") as caught:
            editor._read("same.jpg")
        assert caught.value.reason == "unreadable"


def make_plan(config):
    with requests_of(config, open_store(config.out)) as source:
        return make_edit_job(config, source, "")


@pytest.mark.parametrize("layout", ["parquet", "webdataset"])
def test_the_other_layouts(config, decoder, layout):
    run(config.model_copy(update={"layout": layout, "edits": "cutout"}), decoder)
    assert {row["key"].rpartition(".")[2] for row in rows_of(config.out)} == {"parquet" if layout == "parquet" else "tar"}
    assert all(row["member"] for row in rows_of(config.out))
    assert "contact_sheet.png" in contents(config.out)


def test_of_a_large_object_no_more_is_read_than_a_photo_may_have(tmp_path):
    store = open_store(str(tmp_path))
    store.put("large", b"x" * 1000)
    store.put("empty", b"")
    assert len(read_capped(store, "large", 10)) == 11
    assert read_capped(store, "empty", 10) == b""


def test_only_photos_that_fail_a_profile_are_edited(config, decoder):
    """Google wants 500 px: of two photos, one is fine as it is."""
    pixels = np.full((600, 600, 3), 255, np.uint8)
    pixels[60:540, 60:540] = (180, 40, 40)
    open_store(config.source).put("fine.png", encode(pixels, "png"))
    books, tallies = run(config.model_copy(update={"failing": "google-main"}), decoder)
    assert books == {"images": 7, "quarantined": 5, "untouched": 1}
    assert sum(tally.untouched for tally in tallies) == 1 and sum(tally.images for tally in tallies) == 13
    assert "fine" not in {row["id"] for name in ("manifest", "quarantine") for row in rows_of(config.out, name)}
    assert run(config.model_copy(update={"failing": "google-main"}), decoder) == (books, [])


def test_a_chain_that_ends_in_a_profile_gives_files_that_pass_it(decoder, tmp_path):
    pixels = np.full((650, 550, 3), 240, np.uint8)
    shade = np.linspace(40, 160, 500)[:, None, None] * (1.0, 0.7, 0.5)
    pixels[100:600, 100:450] = shade + np.random.default_rng(0).integers(0, 12, (500, 350, 3))
    photos = put_photos(tmp_path / "one", {"large.png": encode(pixels, "png")})
    config = EditConfig(source=photos.url, edits="white,conform:amazon-main", out=str(tmp_path / "out"))
    run(config, decoder)
    (row,) = rows_of(config.out)
    report = check(open_store(config.out).get(row["key"]), profile("amazon-main"), source=encode(pixels, "png"))
    assert report.passed, report
    assert json.loads(row["facts"])["profile"].startswith("amazon-main")


def test_odd_photos_are_each_in_the_manifest_or_in_quarantine_with_a_reason(tmp_path):
    """Depths, modes and damage of all kinds, some under a name that promises another format."""
    ramp = np.tile(np.linspace(0, 65535, 96).astype(np.uint16), (96, 1))
    colour = Image.fromarray(np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)).resize((48, 48))

    def saved(image, kind, **options):
        image.save(file := io.BytesIO(), kind, **options)
        return file.getvalue()

    webp = saved(colour, "WEBP")
    photos = {
        "deep.png": saved(Image.fromarray(ramp), "PNG"),
        "deep.tif": saved(Image.fromarray(ramp), "TIFF"),
        "la.png": saved(colour.convert("LA"), "PNG"),
        "palette.gif": saved(colour.convert("P"), "GIF", transparency=3),
        "bits.tif": saved(colour.convert("1"), "TIFF", compression="group4"),
        "cmyk.tif": saved(colour.convert("CMYK"), "TIFF"),
        "really-webp.jpg": webp,
        "cut.webp": webp[: len(webp) // 2],
        "animated.webp": saved(colour, "WEBP", save_all=True, append_images=[colour.rotate(90)]),
        "junk.png": b"not a picture at all",
        "one.bmp": saved(colour.crop((0, 0, 1, 1)), "BMP"),
        "large.png": saved(Image.new("L", (3000, 3000)), "PNG"),
    }
    store = open_store(str(tmp_path / "photos"))
    for key, data in photos.items():
        store.put(key, data)
    config = EditConfig(source=store.url, edits="enhance", out=str(tmp_path / "out"), format="png")
    books, _ = run(config, SafeDecoder(1, Limits(max_pixels=1_000_000)))
    made, refused = rows_of(config.out), rows_of(config.out, "quarantine")
    assert books == {"images": len(made), "quarantined": len(refused)}
    assert sorted(row["source"] for row in made + refused) == sorted(photos)
    assert all(row["reason"] and row["message"] for row in refused)
    assert {row["source"]: row["reason"] for row in refused} == {
        "animated.webp": "animated",
        "cut.webp": "corrupt",
        "junk.png": "unknown_format",
        "large.png": "too_many_pixels",
    }
    for name in ("deep.png", "deep.tif"):  # 16 bits are scaled, not cut off at 255
        (key,) = (row["key"] for row in made if row["source"] == name)
        pixels = np.asarray(Image.open(io.BytesIO(open_store(config.out).get(key))))
        assert 110 < pixels.mean() < 146


def test_signed_pictures_are_made_once_and_found_again(config, decoder, signer, tmp_path):
    (tmp_path / "chain.pem").write_bytes(signer.chain)
    (tmp_path / "key.pem").write_bytes(signer.key)
    label = LabelConfig(chain=str(tmp_path / "chain.pem"), key=str(tmp_path / "key.pem"))
    with pytest.raises(ConfigError, match="label.chain with layout = parquet.*Use --layout objects"):
        config.model_copy(update={"label": label, "layout": "parquet"})
    marks = read_label_options(label)
    run(config, decoder, marks=marks)
    before = contents(config.out)
    images = {key: data for key, data in before.items() if key.startswith("images/")}
    kinds = {key: key.rpartition(".")[2].replace("jpg", "jpeg") for key in images}
    assert len(images) == 7 and {validity(data, kinds[key]) for key, data in images.items()} == {"Valid"}
    for key in [key for key in before if key.startswith("receipts/")] + ["manifest.parquet", "quarantine.parquet", "job.json"]:
        open_store(config.out).delete(key)
    _, tallies = run(config, decoder, marks=marks)
    assert sum(tally.existing for tally in tallies) == 7  # other salts, the same images
    assert {key: data for key, data in contents(config.out).items() if key.startswith("images/")} == images
    with pytest.raises(StorageError, match="another job: its label_digest"):
        run(config, decoder, marks=LabelOptions())
