import torch

from ganray.config import ModelConfig
from ganray.images.codec import decode_prepared
from ganray.images.provenance import read_label
from ganray.model_folder import ModelInfo
from ganray.models import build_generator
from ganray.runs.sample_grids import COLUMNS, draw_grid


def test_a_grid_of_a_model_of_titles_has_a_row_for_each_that_it_keeps():
    config = ModelConfig(name="mlp", resolution=8, z_dim=8, embed_dim=8, widths=(16,), title_pieces=24)
    info = ModelInfo(model=config, attributes={}, titles=("Red mug", "Blue cap"))
    generator = build_generator(config, ())
    torch.nn.init.normal_(generator.condition.embeddings[0].pieces.weight)
    sheet = decode_prepared(draw_grid(generator, info, torch.device("cpu")))
    other = decode_prepared(draw_grid(generator, info.model_copy(update={"titles": ("Red mug", "x")}), torch.device("cpu")))
    assert 2 * 64 < len(sheet) < 3 * 64
    assert (sheet[:64, -500:] == other[:64, -500:]).all()
    assert (sheet[76:, -500:] != other[76:, -500:]).any()


def test_a_grid_is_labelled_and_has_a_row_for_every_value_however_long():
    config = ModelConfig(name="mlp", resolution=8, z_dim=8, embed_dim=8, widths=(16,))
    info = ModelInfo(model=config, attributes={"category": ("bag", "x" * 300, "a\x1bb")}, num_images=40)
    grid = draw_grid(build_generator(config, (3,)), info, torch.device("cpu"))
    assert read_label(grid)["ganray:RequestID"] == "grid at 40 images"
    height, width, _ = decode_prepared(grid).shape
    assert width > COLUMNS * height / 3
