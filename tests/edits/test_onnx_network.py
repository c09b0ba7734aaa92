import gc
import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ganray.config.networks import NetworkFile
from ganray.edits.network import both_ways
from ganray.edits.onnx_network import OnnxNetwork, shared_network
from ganray.errors import CheckpointError, ConfigError, EditError
from tests.tools.onnx_files import FLOAT16, UINT8, fills, first_channel, hears_quality, larger, logarithm, onnx_file, same

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
SIZE = 16


def row_of(data, **changes):
    return NetworkFile(url="nets/a.onnx", sha256=hashlib.sha256(data).hexdigest(), **{"size": SIZE} | changes)


def network(task, data, **changes):
    return OnnxNetwork(task, row_of(data, **changes), data)


@pytest.fixture
def x():
    return np.random.default_rng(0).uniform(-1, 1, (5, 3, SIZE, SIZE)).astype(np.float32)


def test_a_picture_is_scaled_as_the_row_says(x):
    """(level as 0..1 - mean) / std, whose first channel comes back: the matte of ImageNet's scale, before any other range."""
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    red, blue = (x[:, k : k + 1] / 2 + 0.5 for k in (0, 2))
    lowest, highest = -mean[0] / std[0], (1 - mean[0]) / std[0]
    made = network("matte", first_channel(SIZE), mean=mean, std=std, output_range=(lowest, highest))
    np.testing.assert_allclose(made(x), red, atol=1e-6)
    turned = network("matte", first_channel(SIZE), channels="BGR", mean=mean, std=std, output_range=(lowest, highest))
    np.testing.assert_allclose(turned(x), blue, atol=1e-6)


def test_isnet_s_matte_is_stretched_and_a_flat_one_is_not(x):
    made = network("matte", first_channel(SIZE), mean=(0.5, 0.5, 0.5), min_max=True)
    red = x[:, :1] / 2 + 0.5
    low, high = red.min((1, 2, 3), keepdims=True), red.max((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(made(x), (red - low) / (high - low), atol=1e-6)
    assert not made(np.full_like(x, 0.3)).any()


def test_logits_and_values_beyond_the_range(x):
    logits = network("matte", first_channel(SIZE), range=(-200, 200), logits=True)
    np.testing.assert_allclose(logits(x), 1 / (1 + np.exp(-200.0 * x[:, :1].astype(float))), atol=1e-6)
    made = network("matte", first_channel(SIZE), output_range=(0.4, 0.6))
    assert (made(x).min(), made(x).max()) == (0, 1)


def test_nothing_is_lost_where_the_scale_is_ganray_s_own(x):
    own = {"range": (-1, 1), "output_range": (-1, 1)}
    np.testing.assert_array_equal(network("enhance", same(SIZE), **own)(x), x)
    np.testing.assert_array_equal(network("enhance", same(SIZE, nhwc=True), layout="NHWC", channels="BGR", **own)(x), x)


@pytest.mark.parametrize(
    ("kind", "changes", "off"),
    [
        (FLOAT16, {}, 2e-3),
        (UINT8, {"range": (0, 255), "output_range": (0, 255)}, 1 / 254),
        (UINT8, {"range": (0, 255), "output_range": (0, 255), "layout": "NHWC", "channels": "BGR"}, 1 / 254),
    ],
)
def test_other_types_of_numbers(x, kind, changes, off):
    made = network("enhance", same(SIZE, kind, nhwc="layout" in changes), **changes)
    assert np.abs(made(x) - x).max() <= off and made(x).dtype == np.float32


@pytest.mark.parametrize("inputs", [(), ("image", "mask")])
def test_lama_gets_picture_and_mask_and_keeps_what_is_known(x, inputs):
    hole = (np.indices((SIZE, SIZE)).sum(0) % 3 == 0).astype(np.float32)[None, None].repeat(5, 0)
    made = network("inpaint", fills(SIZE, 64.0), inputs=inputs, output_range=(0, 255))(np.concatenate([x, hole], 1))
    inside = hole[:, 0] > 0
    assert made.shape == x.shape
    np.testing.assert_allclose(made.transpose(0, 2, 3, 1)[inside], 64 / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(made.transpose(0, 2, 3, 1)[~inside], x.transpose(0, 2, 3, 1)[~inside])


@pytest.mark.parametrize("factor", [2, 4])
def test_an_upscaler_answers_in_its_own_size(x, factor):
    made = network("upscale", larger(SIZE, factor), factor=factor)
    assert made.factor == factor and made(x).shape == (5, 3, factor * SIZE, factor * SIZE)
    assert abs(float(made(x).mean() - x.mean())) < 1e-3


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_an_upscaler_of_four_channels_is_told_the_quality(x, layout):
    data = hears_quality(SIZE, nhwc=layout == "NHWC")
    made = network("upscale", data, layout=layout, range=(-1, 1), output_range=(-1, 1))
    plane = np.linspace(0, 1, len(x), dtype=np.float32)[:, None, None, None] + np.zeros_like(x[:, :1])
    answer = made(np.concatenate([x, plane], 1))
    assert made.channels == 4 and network("upscale", larger(SIZE)).channels == 3
    np.testing.assert_allclose(answer[:, :, ::2, 1::2], x + plane, atol=1e-6)
    with pytest.raises(CheckpointError, match="asks for"):
        network("enhance", hears_quality(SIZE))


def test_a_picture_has_the_same_bits_in_any_batch_and_on_any_lane(x):
    made = network("upscale", larger(SIZE))
    alone = made(x[3:4])
    np.testing.assert_array_equal(made(x)[3:4], alone)
    with ThreadPoolExecutor(4) as pool:
        assert all(np.array_equal(answer, alone) for answer in pool.map(lambda _: made(x[3:4]), range(32)))


def test_mirrored_views_are_asked_for_where_the_row_says(x):
    data = first_channel(SIZE)
    assert not network("matte", data).mirrored and network("matte", data, mirror=True).mirrored
    turned = np.ascontiguousarray(x[..., ::-1])
    np.testing.assert_array_equal(both_ways(network("matte", data), x), network("matte", data)(x))
    np.testing.assert_allclose(both_ways(network("matte", data, mirror=True), x)[..., ::-1], network("matte", data)(turned), atol=1e-6)


def test_sides_that_are_free_take_the_row_s_size(x):
    assert network("matte", first_channel(SIZE, free=True))(x).shape == (5, 1, SIZE, SIZE)


def test_the_output_that_counts_is_named(x):
    names = {"start": np.array([0]), "end": np.array([1]), "axis": np.array([1])}
    nodes = [("Slice", ["x", "start", "end", "axis"], "side", {}), ("Neg", ["side"], "other", {})]
    shape = [1, 1, SIZE, SIZE]
    data = onnx_file(nodes, {"x": [1, 3, SIZE, SIZE]}, {"side": shape, "other": shape}, names)
    red = x[:, :1] / 2 + 0.5
    np.testing.assert_allclose(network("matte", data)(x), red, atol=1e-6)
    np.testing.assert_allclose(network("matte", data, output="other", output_range=(0, -1))(x), red, atol=1e-6)


@pytest.mark.parametrize(
    ("task", "data", "changes", "error", "said"),
    [
        ("matte", b"none", {}, CheckpointError, "is no ONNX file"),
        ("matte", first_channel(32), {}, CheckpointError, "asks for 1x3x32x32 as x, its row gives 1x3x16x16. Set size and layout"),
        ("matte", first_channel(SIZE), {"layout": "NHWC"}, CheckpointError, "asks for 1x3x16x16 as x, its row gives 1x16x16x3"),
        ("matte", same(SIZE, channels=1), {}, CheckpointError, "asks for 1x1x16x16 as x, its row gives 1x3x16x16"),
        ("matte", fills(SIZE), {}, CheckpointError, "wants 2 inputs, image, mask; matte gives a picture alone"),
        ("matte", first_channel(SIZE), {"inputs": ("y",)}, ConfigError, "has no input 'y'. Its inputs are x"),
        ("matte", first_channel(SIZE), {"output": "z"}, ConfigError, "has no output 'z'. Its outputs are y"),
        ("matte", same(SIZE), {}, CheckpointError, "answers with 1x3x16x16 where 1x1x16x16 is wanted. Check size"),
        ("upscale", same(SIZE), {}, CheckpointError, "answers with 1x3x16x16 where 1x3x32x32 is wanted"),
        ("upscale", larger(SIZE, 4), {}, CheckpointError, "answers with 1x3x64x64 where 1x3x32x32 is wanted. Check size, layout, factor"),
        ("enhance", first_channel(SIZE), {}, CheckpointError, "answers with 1x1x16x16 where 1x3x16x16 is wanted"),
        ("inpaint", same(SIZE), {}, CheckpointError, "asks for 1x3x16x16 as x, its row gives 1x4x16x16"),
        ("matte", logarithm(SIZE, -9.0), {}, CheckpointError, "numbers that are not finite. Check range, mean and std"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_when_it_is_opened(task, data, changes, error, said):
    with pytest.raises(error) as caught:
        network(task, data, **changes)
    text = str(caught.value)
    assert said in text and text.startswith(f"{task}: nets/a.onnx") and "\n" not in text and caught.value.remedy


def test_other_bytes_than_those_named_are_refused():
    data = first_channel(SIZE)
    with pytest.raises(CheckpointError, match=r"matte: nets/a\.onnx has sha256 .*, 0{64} is named for it\. Put the named file back"):
        OnnxNetwork("matte", row_of(data).model_copy(update={"sha256": "0" * 64}), data)


def test_a_picture_without_an_answer_costs_that_picture_alone(x):
    made = network("matte", logarithm(SIZE, 0.9), range=(-1, 1))
    assert np.isfinite(made(x)).all()
    with pytest.raises(EditError, match="numbers that are not finite") as caught:
        made(np.full_like(x, -1))
    assert caught.value.reason == "failed"
    assert np.isfinite(made(x)).all()


def test_lanes_share_a_network_while_one_of_them_holds_it(x):
    data, read = first_channel(SIZE), []

    def fetch(row):
        read.append(row.url)
        return data

    row = row_of(data, mean=(0.25, 0, 0))
    first, second = (shared_network("matte", row, "etag", fetch) for _ in range(2))
    assert first is second and len(read) == 1
    other = shared_network("matte", row_of(data), "etag", fetch)
    assert (
        other is not first and other.identity != first.identity and other.identity.startswith(f"matte:{hashlib.sha256(data).hexdigest()}/")
    )
    assert shared_network("matte", row, "another etag", fetch) is first and len(read) == 3  # another version may be another file
    with pytest.raises(CheckpointError, match="is named for it"):
        shared_network("matte", row, "a third", lambda _: first_channel(32))
    del first, second
    gc.collect()
    shared_network("matte", row, "etag", fetch)
    assert len(read) == 4
