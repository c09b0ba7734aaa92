from types import SimpleNamespace

import torch

from ganray.checkpoint import ModelInfo
from ganray.config import ModelConfig
from ganray.images.codec import decode_prepared
from ganray.images.provenance import read_label
from ganray.models import build_generator
from ganray.on_ray.train_worker import GRID_COLUMNS, draw_grid, memory


def test_a_grid_of_a_model_of_titles_has_a_row_for_each_that_it_keeps():
    config = ModelConfig(name="mlp", resolution=8, z_dim=8, embed_dim=8, widths=(16,), title_pieces=24)
    info = ModelInfo(model=config, attributes={}, titles=("Red mug", "Blue cap"))
    generator = build_generator(config, ())
    torch.nn.init.normal_(generator.condition.embeddings[0].pieces.weight)
    sheet = decode_prepared(draw_grid(SimpleNamespace(ema=generator, num_images=40), info, torch.device("cpu")))
    other = decode_prepared(
        draw_grid(SimpleNamespace(ema=generator, num_images=40), info.model_copy(update={"titles": ("Red mug", "x")}), torch.device("cpu"))
    )
    assert 2 * 64 < len(sheet) < 3 * 64
    assert (sheet[:64, -500:] == other[:64, -500:]).all()
    assert (sheet[76:, -500:] != other[76:, -500:]).any()


def test_a_grid_is_labelled_and_has_a_row_for_every_value_however_long():
    config = ModelConfig(name="mlp", resolution=8, z_dim=8, embed_dim=8, widths=(16,))
    info = ModelInfo(model=config, attributes={"category": ("bag", "x" * 300, "a\x1bb")}, num_images=40)
    grid = draw_grid(SimpleNamespace(ema=build_generator(config, (3,)), num_images=40), info, torch.device("cpu"))
    assert read_label(grid)["ganray:RequestID"] == "grid at 40 images"
    height, width, _ = decode_prepared(grid).shape
    assert width > GRID_COLUMNS * height / 3


def test_only_a_gpu_has_memory_to_tell_of(monkeypatch):
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: 3 * 2**29)
    assert memory(torch.device("cpu")) == {}
    assert memory(torch.device("cuda")) == {"gpu_gib": 1.5}
