"""Products whose mattes are known, for the editor to learn mattes on: cut-outs with alpha, drawn products, figures that wear one, shoes
from above, and photos of the catalog: those on plain backgrounds, cut out by the colour of their border, or those whose matte another
editor, the teacher, is sure of (self-training, Xie et al. 2020, arXiv 1911.04252). All of them fit in memory: a few thousand, at SIDE
pixels."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganray.catalog.figures import figure
from ganray.catalog.footwear import shoes_from_above
from ganray.catalog.reader import Catalog
from ganray.catalog.sample import draw, product
from ganray.config import TrainConfig
from ganray.edits.border import border_matte
from ganray.edits.inversion import one_thread
from ganray.edits.matting import cut_out, refined
from ganray.edits.network import TaskNetwork
from ganray.edits.parts import without_specks
from ganray.edits.photo import Alpha, Photo
from ganray.errors import CheckpointError, ConfigError, EditError
from ganray.images.codec import Pixels
from ganray.images.names import is_cutout_name
from ganray.model_folder import load_editor
from ganray.progress import bar
from ganray.storage import open_store

SIDE = 192
SEED = 7  # of the drawn products: others than a sample catalog's first ones
MAX_CUTOUTS = 2000  # cut-outs that are read
# how often one is drawn, at most: those that are true and few, more often
TIMES = {"cutout": 6, "mined": 2, "drawn": 1, "figures": 1, "shoes": 1}
MANY = 600  # draws of one source's cut-outs up to which each is drawn several times: the drawn products have kinds that a catalog lacks
ROUGH, SOFT, TOUCHING, AREA = 8.5, 0.16, 0.2, (0.1, 0.7)  # what a matte of a plain photo must be better than to be believed
NO_DOUBT = 0.03  # doubt (edits/doubt.py) up to which a teacher is believed
CHUNK = 60  # drawn products a task
Cutouts = NDArray[np.uint8]  # [K, 4, SIDE, SIDE], straight alpha
Task = Callable[[], list[Pixels]]
RunTasks = Callable[[Sequence[Task], Callable[[int], None]], list[list[Pixels]]]  # as `WorkerGroup.run_tasks`


def gather_cutouts(config: TrainConfig, run_tasks: RunTasks) -> Cutouts:
    """All cut-outs that mattes are learned on, the same for the same config, catalog and teacher; none where no mattes are learned.

    Raises ConfigError where there is nothing to learn from, or no mattes were taught to the teacher, CheckpointError where there is none.
    """
    if "matte" not in config.editor.tasks:
        return np.zeros((0, 4, 1, 1), np.uint8)
    print("train: gathering products whose mattes are known", file=sys.stderr, flush=True)
    editor, catalog = config.editor, Catalog.open(config.catalog)
    drawn = {
        name: _chunks(draw, num)
        for name, draw, num in (
            ("drawn", drawn_cutouts, editor.drawn),
            ("figures", drawn_figures, editor.figures),
            ("shoes", drawn_shoes, editor.shoes),
        )
    }
    teacher = editor.teacher, editor.teacher_digest
    if editor.teacher:
        matte_network(*teacher)  # fails here, not in the tasks
    mine = partial(taught_cutouts, teacher) if editor.teacher else mined_cutouts
    mined: list[Task] = [partial(mine, catalog.url, *place) for place in _some(catalog, editor.mined, config.seed)]
    tasks = [*mined, *(task for each in drawn.values() for task in each)]
    with bar("gathering", len(tasks), "parts") as progress:
        results = run_tasks(tasks, progress.update)
    groups = {"cutout": list(read_cutouts(editor.cutouts)) if editor.cutouts else []}
    finished = iter(results)
    for name, each in {"mined": mined, **drawn}.items():
        groups[name] = [cutout for result in islice(finished, len(each)) for cutout in result]
    cutouts = [cutout for name, group in groups.items() for cutout in group for _ in range(times_drawn(name, len(group)))]
    if not cutouts:
        raise ConfigError("editor.tasks has matte, but there is nothing to learn it from", "Name cut-outs with --editor.cutouts")
    print(f"train: {len(cutouts)} of them, each as often as it counts", file=sys.stderr, flush=True)
    return np.ascontiguousarray(np.stack(cutouts).transpose(0, 3, 1, 2))


def times_drawn(source: str, num: int) -> int:
    """How often each of `num` cut-outs of a source in TIMES is drawn."""
    return max(1, min(TIMES[source], MANY // max(1, num)))


def read_cutouts(url: str) -> Iterator[Pixels]:
    """The pictures under a prefix that have an alpha channel, uint8 [SIDE, SIDE, 4] each. Raises ConfigError where none has."""
    store, found = open_store(url), 0
    for info in store.list(""):
        if found < MAX_CUTOUTS and is_cutout_name(info.key):
            with Image.open(BytesIO(store.get(info.key)), formats=("PNG", "WEBP")) as image:
                if "A" in image.getbands() or "transparency" in image.info:
                    found += 1
                    yield tight(np.asarray(image.convert("RGBA")))
    if not found:
        raise ConfigError(f"editor.cutouts {url} has no PNG or WebP with alpha", "Name a prefix of cut-outs, or leave it out")


def drawn_cutouts(first: int, num: int) -> list[Pixels]:
    """Products of the sample catalog with their masks."""
    return [tight(np.dstack(draw(product(SEED, index), SIDE))) for index in range(first, first + num)]


def drawn_figures(first: int, num: int) -> list[Pixels]:
    """Figures that wear a product, as on studio photos: all of them belongs to the matte."""
    return [tight(figure(SEED, index, SIDE).rgba) for index in range(first, first + num)]


def drawn_shoes(first: int, num: int) -> list[Pixels]:
    """Pairs of shoes from above: their insoles belong to the matte."""
    return [tight(shoes_from_above(SEED, index, SIDE)) for index in range(first, first + num)]


def mined_cutouts(url: str, shard: int, group: int) -> list[Pixels]:
    """Of a row group's photos: those whose background is plain and whose matte is smooth."""
    catalog, found = Catalog.open(url), []
    for pixels in catalog.images(catalog.read_row_group(shard, group, catalog.columns(()))):
        rough = border_matte(pixels)
        if rough is not None and believable(matte := refined(pixels, without_specks(rough)[0])):
            found.append(_cut(pixels, matte))
    return found


def taught_cutouts(teacher: tuple[str, str], url: str, shard: int, group: int) -> list[Pixels]:
    """Of a row group's photos: those whose matte the teacher (URL and digest of an editor) has no doubt about, or the border of a studio's
    ground. On one thread, so that all machines agree."""
    with one_thread():
        return list(_taught(matte_network(*teacher), Catalog.open(url), shard, group))


def _taught(network: TaskNetwork, catalog: Catalog, shard: int, group: int) -> Iterator[Pixels]:
    for pixels in catalog.images(catalog.read_row_group(shard, group, catalog.columns(()))):
        try:
            photo = cut_out(Photo(pixels), network)
        except EditError:
            continue
        matte = photo.matte
        if matte is not None and float(photo.facts.get("doubt", 0.0)) <= NO_DOUBT and believable(matte):
            yield _cut(pixels, matte)


def matte_network(url: str, digest: str) -> TaskNetwork:
    """The network for mattes of an editor with weights of this digest, any if it is empty. Raises CheckpointError where there is none, and
    ConfigError where it has learned no mattes."""
    modules, info = load_editor(url)
    if digest and info.digest != digest:
        raise CheckpointError(
            f"the weights of editor.teacher {url} have sha256 {info.digest[:12]}, not {digest[:12]} as the run's",
            "Put that editor back, or train into another --out",
        )
    if "matte" not in modules:
        raise ConfigError(f"editor.teacher {url} has no network for mattes", "Train one with --editor.tasks matte")
    return TaskNetwork("matte", modules["matte"])


def _cut(pixels: Pixels, matte: Alpha) -> Pixels:
    return tight(np.dstack([pixels, np.where(matte < 0.1, 0, np.rint(255 * matte)).astype(np.uint8)]))


def _chunks(draw: Callable[[int, int], list[Pixels]], num: int) -> list[Task]:
    """The tasks that draw `num` of something."""
    return [partial(draw, first, min(CHUNK, num - first)) for first in range(0, num, CHUNK)]


def _some(catalog: Catalog, num: int, seed: int) -> list[tuple[int, int]]:
    """(shard, row group) of about `num` photos, row groups in a random order."""
    places, left = [], num
    groups = catalog.row_groups()
    for position in np.random.default_rng(seed).permutation(len(groups)).tolist():
        if left <= 0:
            break
        shard, group, rows = groups[position]
        places.append((shard, group))
        left -= rows
    return places


def believable(matte: NDArray[np.float32]) -> bool:
    """Whether a matte [H, W] found by colour is of one smooth thing that does not leave the frame."""
    hard = matte > 0.5
    area = float(hard.mean())
    if not AREA[0] < area < AREA[1]:
        return False
    soft = float(((matte > 0.1) & (matte < 0.9)).mean()) / area
    outline = sum(int((np.diff(hard, axis=axis)).sum()) for axis in (0, 1)) / float(hard.sum()) ** 0.5
    touching = max(float(edge.mean()) for edge in (hard[0], hard[-1], hard[:, 0], hard[:, -1]))
    return soft < SOFT and outline < ROUGH and touching < TOUCHING


def tight(rgba: Pixels) -> Pixels:
    """The product alone, uint8 [H, W, 4] -> [SIDE, SIDE, 4]: cut to its box, its longer side SIDE pixels."""
    rows, columns = (np.flatnonzero((rgba[..., 3] > 20).any(axis)) for axis in (1, 0))
    if not len(rows):
        return np.zeros((SIDE, SIDE, 4), np.uint8)
    box = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = box.shape[:2]
    square = Image.new("RGBA", (max(height, width), max(height, width)))
    square.paste(Image.fromarray(np.ascontiguousarray(box)), ((square.width - width) // 2, (square.height - height) // 2))
    return np.asarray(square.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
