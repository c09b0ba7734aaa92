import pytest
import torch
from torch.nn import functional as F

from ganray.config import EditorConfig
from ganray.models.editor import EDITORS, build_critics, build_editor, channels_of, diffused, with_quality

SMALL = EditorConfig(tasks=tuple(EDITORS), widths=(8, 8, 8), detail_width=8, detail_blocks=1)


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return build_editor(SMALL)


@pytest.mark.parametrize("task", EDITORS)
def test_a_network_starts_as_the_closed_form_that_it_improves_on(networks, task):
    size = EDITORS[task].size
    x = torch.rand(2, 4 if task == "inpaint" else 3, size, size)
    if task == "inpaint":
        x[:, 3] = (x[:, 3] > 0.5).float()
    wanted = {
        "matte": torch.zeros(2, 1, size, size),
        "inpaint": x[:, :3],
        "upscale": F.interpolate(x, scale_factor=2, mode="bicubic"),
        "enhance": x,
    }[task]
    torch.testing.assert_close(networks[task](x), wanted)


@pytest.mark.parametrize("task", EDITORS)
def test_every_weight_learns_and_the_outside_of_a_hole_stays(task):
    torch.manual_seed(1)
    network, size = build_editor(SMALL)[task], EDITORS[task].size
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)  # past the zeros of the start, behind which nothing learns in the first step
    x = torch.rand(1, 4 if task == "inpaint" else 3, size, size)
    if task == "inpaint":
        x[:, 3] = (x[:, 3] > 0.5).float()
    answer = network(x)
    if task == "inpaint":
        outside = (x[:, 3:] == 0).expand(-1, 3, -1, -1)
        assert torch.equal(answer[outside], x[:, :3][outside]) and not torch.equal(answer, x[:, :3])
    answer.square().mean().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_an_upscaler_may_be_told_what_a_jpeg_has_lost():
    torch.manual_seed(2)
    told, plain = (build_editor(SMALL.model_copy(update={"quality_plane": plane}))["upscale"] for plane in (True, False))
    assert [channels_of("upscale", network) for network in (told, plain)] == [4, 3]
    assert [channels_of(task, network) for task, network in build_editor(SMALL).items()] == [3, 4, 3, 3]
    pictures = torch.rand(2, 3, 16, 16)
    x = with_quality(pictures, torch.tensor([100.0, 60.0]))
    assert torch.equal(x[:, :3], pictures) and x[:, 3].amax((1, 2)).tolist() == x[:, 3].amin((1, 2)).tolist() == pytest.approx([0, 0.8])
    torch.testing.assert_close(told(x), F.interpolate(pictures, scale_factor=2, mode="bicubic"))
    for network in (told, plain):
        torch.nn.init.normal_(network.head.weight, std=0.1)
    other = with_quality(pictures, torch.tensor([100.0, 90.0]))
    differs = [(network(x) != network(other)).flatten(1).any(1).tolist() for network in (told, plain)]
    assert differs == [[False, True], [False, False]]


def test_diffusion_fills_from_around():
    x = torch.zeros(1, 1, 16, 16)
    x[..., 8:] = 1.0
    hole = torch.zeros_like(x)
    hole[..., 4:12, 6:10] = 1.0
    filled = diffused(x, hole)
    assert torch.equal(filled[hole == 0], x[hole == 0])
    inside = filled[0, 0, 4:12, 6:10]
    assert (inside >= 0).all() and (inside <= 1).all() and (inside[:, 0] < inside[:, -1]).all()
    flat = diffused(torch.full_like(x, 0.3), hole)[hole == 1]
    torch.testing.assert_close(flat, torch.full((32,), 0.3), rtol=0, atol=1e-6)  # weighted means of 0.3: rounded at each of 4 scales


def test_critics_only_where_they_count():
    assert len(build_critics(SMALL)) == 0
    critics = build_critics(SMALL.model_copy(update={"adversarial": 0.1}))
    assert set(critics) == {"inpaint", "upscale"} and critics["upscale"](torch.rand(3, 3, 96, 96)).shape == (3,)
