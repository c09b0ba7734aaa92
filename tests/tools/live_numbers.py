"""The live numbers that ganray's own commands publish, caught from real runs of them in this process."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from ganray.benchmarks.random_model import make_model
from ganray.catalog.sample import draw, photo_key, product
from ganray.config import EditConfig, GenerateConfig, IngestConfig, ModelConfig, TrainConfig
from ganray.errors import StorageError
from ganray.execution.local import LocalExecutor
from ganray.images.codec import encode
from ganray.runs.local import LocalWorkerGroup
from ganray.storage import open_store
from ganray.verbs import edit, generate, ingest, train
from tests.tools.runs import tiny

Row = tuple[str, dict[str, float], dict[str, str]]  # name, values, tags
Published = dict[str, list[Row]]
PHOTOS, BROKEN_EACH = 104, 8  # every eighth is no image


class Watched(LocalExecutor):
    """The executor of this process, with somebody who watches."""

    def __init__(self) -> None:
        self.published: list[Row] = []

    def publish(self, name: str, values: dict[str, float], tags: dict[str, str]) -> None:
        """Keep them."""
        self.published.append((name, values, tags))


class WatchedGroup(LocalWorkerGroup):
    """The training worker of this process, with somebody who watches."""

    def __init__(self, watched: Watched, config: TrainConfig) -> None:
        super().__init__(config)
        self.publish = watched.publish  # type: ignore[method-assign]


def run_commands(folder: Path, catalog: str) -> Published:
    """Verb -> what it published, of commands that end well; "failing" is an ingest whose store goes away."""
    photos, model = open_store(str(folder / "photos")), ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8)
    for number in range(PHOTOS):
        item = product(0, number)
        photos.put(photo_key(item), encode(draw(item, 16)[0], "png") if number % BROKEN_EACH else b"no image")
    make_model(str(folder / "model"), model, {"category": ("bag", "mug")})
    gathering = IngestConfig(source=photos.url, out=str(folder / "catalog"), resolution=16, min_images=1)
    making = GenerateConfig(model=str(folder / "model"), num=8, out=str(folder / "made"), price=2.0, threads=1)
    editing = EditConfig(source=str(folder / "made" / "images"), edits=("enhance",), out=str(folder / "edited"), price=2.0)
    watched = {verb: Watched() for verb in ("ingest", "generate", "edit", "train", "failing")}
    with pytest.MonkeyPatch.context() as patch:
        for verb, module, run in (
            ("ingest", ingest, partial(ingest.ingest, gathering)),
            ("generate", generate, partial(generate.generate, making)),
            ("edit", edit, partial(edit.edit, editing)),
        ):
            patch.setattr(module, "choose_executor", lambda *_, verb=verb: watched[verb])
            run()
        train.train(tiny(catalog, folder / "trained", kimg=0.096), partial(WatchedGroup, watched["train"]))
        patch.setattr(ingest, "choose_executor", lambda *_: watched["failing"])
        patch.setattr(watched["failing"], "map_shards", lambda *_: (_ for _ in ()).throw(StorageError("the store is away", "Wait")))
        with pytest.raises(StorageError):
            ingest.ingest(gathering.model_copy(update={"resolution": 8}))
    return {verb: executor.published for verb, executor in watched.items()}


def ending(published: list[Row], running: float) -> Row:
    """The last that a command published while it ran, or when it ended."""
    return next(row for row in reversed(published) if row[1]["running"] == running)


def changed(row: Row, job: str, **changes: float) -> Row:
    """A row of another job, with numbers that are so much more."""
    name, values, tags = row
    assert changes.keys() <= values.keys()
    return name, {number: value + changes.get(number, 0.0) for number, value in values.items()}, tags | {"job": job}


def text_of(rows: list[Row]) -> str:
    """As Ray's exporter shows what a driver has published."""
    return "".join(
        "ray_{}{{{}}} {}\n".format(
            name, ",".join(f'{key}="{tag}"' for key, tag in {**tags, "number": number, "WorkerId": "w1"}.items()), value
        )
        for name, values, tags in rows
        for number, value in values.items()
    )
