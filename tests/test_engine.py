import numpy as np
import pytest
import torch

from ganray.benchmarks.random_model import make_model
from ganray.engine import Engine, truncated
from ganray.errors import CheckpointError, RequestError
from ganray.model_folder import load_model
from ganray.requests import GenerateRequest
from tests.tools.models import ATTRIBUTES, SMALLEST


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, SMALLEST, ATTRIBUTES)
    return folder


@pytest.fixture(scope="module")
def engine(url) -> Engine:
    return Engine.load(url, "cpu", threads=2)


def test_samples_come_in_order_with_all_attributes_and_a_seed(engine):
    requests = [GenerateRequest(id="a", attributes={"colour": "red"}, count=11), GenerateRequest(id="b", attributes={"category": "mug"})]
    samples = list(engine.generate(requests))
    assert [(sample.request.id, sample.index) for sample in samples] == [("a", i) for i in range(11)] + [("b", 0)]
    assert all(sample.pixels.shape == (8, 8, 3) and sample.pixels.dtype == np.uint8 for sample in samples)
    assert {sample.attributes["colour"] for sample in samples[:11]} == {"red"}
    assert {sample.attributes["category"] for sample in samples[:11]} == {"bag", "cap", "mug"}
    assert samples[11].attributes["category"] == "mug"
    assert samples[0].request.seed == samples[10].request.seed != samples[11].request.seed


def test_pixels_follow_seed_and_attributes(engine):
    def pixels(**fields):
        (sample,) = engine.generate([GenerateRequest(id="x", **fields)])
        return sample.pixels.tobytes()

    requested = {"category": "mug", "colour": "red"}
    assert pixels(seed=1, attributes=requested) == pixels(seed=1, attributes=requested)
    assert pixels(seed=1, attributes=requested) != pixels(seed=2, attributes=requested)
    assert pixels(seed=1, attributes=requested) != pixels(seed=1, attributes=requested | {"colour": "green"})


def test_asking_for_what_would_be_drawn_changes_nothing(engine):
    (free,) = engine.generate([GenerateRequest(id="x", seed=3)])
    (requested,) = engine.generate([GenerateRequest(id="x", seed=3, attributes={"colour": free.attributes["colour"]})])
    assert requested.attributes == free.attributes
    assert np.array_equal(requested.pixels, free.pixels)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"size": "XL"}, "attribute 'size' is unknown. The model knows category, colour"),
        ({"category": "mugg"}, "category 'mugg' is unknown. The model knows bag, cap, mug"),
    ],
)
def test_unknown_attributes_and_values_list_the_known_ones(engine, attributes, message):
    with pytest.raises(RequestError) as caught:
        list(engine.generate([GenerateRequest(id="x", attributes=attributes)]))
    assert message in str(caught.value)


def test_a_model_without_attributes_has_no_labels(tmp_path):
    make_model(str(tmp_path), SMALLEST, {})
    (sample,) = Engine.load(str(tmp_path), "cpu", 1).generate([GenerateRequest(id="x")])
    assert sample.attributes == {}


def test_the_engine_leaves_the_callers_threads_alone(url):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    engine = Engine.load(url, "cpu", threads=1)
    list(engine.generate([GenerateRequest(id="x")]))
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def test_weights_that_are_not_finite_are_refused(url):
    generator, info = load_model(url)
    next(generator.parameters()).data.fill_(float("nan"))
    with pytest.raises(CheckpointError, match="not finite"):
        Engine(generator, info, "cpu", 1)


def test_pixels_that_are_not_finite_are_refused(url):
    generator, info = load_model(url)
    for weight in generator.parameters():
        weight.data.mul_(1e20)
    with pytest.raises(CheckpointError, match="not finite"):
        list(Engine(generator, info, "cpu", 1).generate([GenerateRequest(id="x")]))


@pytest.mark.parametrize("num", [1, 16, 37])
def test_what_is_queued_on_a_device_is_what_is_rendered_batch_by_batch(engine, num):
    """A GPU's path, with the CPU for its device: padding, order and copies are the same."""
    rng = np.random.default_rng(0)
    z, labels = rng.standard_normal((num, engine.generator.z_dim), np.float32), rng.integers(0, 2, (num, 2))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    pixels = engine._launch(z, labels)()
    torch.set_num_threads(before)
    assert pixels.shape == (num, 8, 8, 3) and pixels.dtype == np.uint8
    assert np.array_equal(pixels, engine.render(z, labels))


def test_pixels_that_are_not_finite_are_refused_after_one_wait_for_the_device(url):
    generator, info = load_model(url)
    engine = Engine(generator, info, "cpu", 1)
    z, labels = np.zeros((40, generator.z_dim), np.float32), np.zeros((40, 2), np.int64)
    z[20] = np.nan  # in the middle one of three batches
    collect = engine._launch(z, labels)
    with pytest.raises(CheckpointError, match="not finite"):
        collect()


def test_rendering_goes_on_while_the_caller_draws_more(engine):
    samples = [[(GenerateRequest(id=f"{part}-{k}", seed=k), 0) for k in range(20)] for part in range(3)]
    begun = [engine.submit(*engine.draw(part)) for part in samples]
    for part, rendering in zip(samples, begun, strict=True):
        assert np.array_equal(rendering.result(), engine.render(*engine.draw(part)))


def test_after_a_broken_batch_no_other_one_begins(url, monkeypatch):
    begun = []

    def broken(self, z, labels):
        begun.append(len(z))
        raise ZeroDivisionError

    monkeypatch.setattr(Engine, "_batch", broken)
    engine = Engine.load(url, "cpu", 1)
    with pytest.raises(ZeroDivisionError):
        engine.render(*engine.draw([(GenerateRequest(id="x", seed=1), k) for k in range(50 * engine.rows)]))
    assert len(begun) < 50


@pytest.fixture(scope="module", params=[{}, ATTRIBUTES], ids=["titles alone", "attributes too"])
def reader(request, tmp_path_factory) -> Engine:
    """An engine of a model that reads titles."""
    folder = str(tmp_path_factory.mktemp("titled"))
    make_model(folder, SMALLEST.model_copy(update={"title_pieces": 24}), request.param)
    return Engine.load(folder, "cpu", threads=1)


def test_a_title_decides_the_picture_and_the_order_of_its_words_does_not(reader):
    def pixels(title):
        (sample,) = reader.generate([GenerateRequest(id="x", seed=1, title=title)])
        assert sample.attributes.keys() == (set() if title else reader.info.attributes.keys())
        return sample.pixels.tobytes()

    assert pixels("red mug") == pixels("MUG, red")
    assert len({pixels("red mug"), pixels("green mug"), pixels("mug"), pixels("")}) == 4


def test_a_title_changes_nothing_for_its_neighbours(reader):
    one, other = GenerateRequest(id="x", seed=1, title="red mug"), GenerateRequest(id="y", seed=2)
    alone, beside = next(reader.generate([one])), list(reader.generate([other, one]))
    assert np.array_equal(alone.pixels, beside[1].pixels)
    assert np.array_equal(next(reader.generate([other])).pixels, beside[0].pixels)


def test_a_title_for_a_model_without_is_refused(engine):
    with pytest.raises(RequestError, match="was not trained with titles"):
        list(engine.generate([GenerateRequest(id="x", title="red mug")]))


def test_truncated_numbers_keep_their_ranks_within_the_limit():
    z = np.random.default_rng(0).standard_normal(4000, np.float32)
    cut = truncated(z, 0.7)
    assert cut.dtype == np.float32
    assert np.abs(cut).max() <= 0.7
    assert np.array_equal(np.argsort(cut, kind="stable"), np.argsort(z, kind="stable"))
    assert abs(cut.std() - 0.3910) < 0.01  # of the normal distribution cut at 0.7: sqrt(1 - 1.4 phi(0.7) / (2 Phi(0.7) - 1))
    assert np.allclose(truncated(z, 8.0), z, atol=1e-4)


def test_a_truncated_request_is_drawn_from_the_same_stream(engine):
    whole, cut = (engine.draw([(GenerateRequest(id="a", seed=5, truncation=limit), 0)]) for limit in (0.0, 0.5))
    assert np.array_equal(cut[0][0], truncated(whole[0][0], 0.5))
    assert np.array_equal(cut[1], whole[1])
