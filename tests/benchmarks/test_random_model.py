import torch

from ganray.benchmarks.random_model import CATEGORIES, make_model
from ganray.model_folder import load_model


def test_no_layer_is_zero_and_a_seed_gives_the_same_model(tmp_path):
    infos = [make_model(str(tmp_path / name), seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))]
    assert infos[0].digest == infos[1].digest != infos[2].digest
    generator, info = load_model(str(tmp_path / "a"))
    assert all(bool(weight.any()) for weight in generator.parameters() if weight.dim() > 1)
    assert info.attributes == CATEGORIES and generator.resolution == 32
    assert torch.isfinite(generator(torch.randn(2, generator.z_dim), torch.zeros(2, 1, dtype=torch.int64))).all()
