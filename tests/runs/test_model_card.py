import re

import pytest
import yaml

from ganray.config import TrainConfig
from ganray.model_folder import ModelInfo, Origin
from ganray.runs.card_scores import PLACE
from ganray.runs.model_card import FEW_PHOTOS, VALUES_SHOWN, model_card
from ganray.training.accountant import PrivacyRecord

SCORE = {"kimg": 0.5, "frechet": 3.21, "frechet_floor": 0.6, "coverage": 0.55, "coverage_floor": 0.96, "merit": 0.25}
ROW = {"kimg": 0.5, "loss_d": 0.7, "loss_g": 0.69, "logit": 0.125, "r1": 0.25, "r2": 0.5, "img_per_s": 100.0, "eta_s": 0.0}
GRIDS = ["grids/kimg-00000.250.png", "grids/kimg-00000.500.png"]


def info(**changes) -> ModelInfo:
    config = TrainConfig(license="CC-BY-4.0", catalog="s3://secret/catalog", out="s3://secret/model", seed=7)
    facts = {
        "model": config.model,
        "attributes": {"category": ("cap", "mug"), "colour": ("red",)},
        "histograms": {"category": {"cap": 30, "mug": 1200}, "colour": {"red": 1230}},
        "catalog_url": "s3://secret/catalog",
        "catalog_digest": "sha256:c0ffee",
        "num_images": 500,
        "digest": "abc",
        "size": 8_000_000,
        "train": config,
    }
    return ModelInfo(**facts | changes)


def test_a_card_tells_data_counts_training_and_grids():
    card = model_card(info(), [ROW], GRIDS)
    assert "`sha256:c0ffee`" in card and "sha256 `abc`" in card
    assert "| **category** (2) | mug 1,200, cap 30 |" in card  # the commonest first
    assert "a catalog of 1,230 photos" in card
    assert "8,000,000 bytes, 2 million numbers" in card
    assert "![Samples at the end of training, made by the model](grids/kimg-00000.500.png)" in card
    assert "the [curves of the whole run](progress.html), a [film](film.webp) of the same z over time, 2 grids in `grids/`." in card
    assert "| logit, real minus made | 0.125 |" in card and "| R1 | 0.25 |" in card
    assert "seed 7" in card
    assert "eta" not in card


def test_a_private_model_s_card_does_not_tell_its_speed():
    """How long a step took tells how many photos joined it."""
    record = PrivacyRecord(
        epsilon=9.5, delta=1e-5, noise=1.0, clip=1.0, rate=0.1, steps=100, unit="photos", neighbours="catalogs", accountant="RDP"
    )
    for private in (None, record):
        card = model_card(info(privacy=private), [ROW], GRIDS)
        assert ("(progress.html)" in card) is (private is None)
        assert "[film](film.webp)" in card
        assert "images a second" not in card


def test_a_card_can_be_published():
    card = model_card(info(), [ROW], GRIDS)
    assert "secret" not in card
    front = yaml.safe_load(card.split("---")[1])
    assert front["license"] == "CC-BY-4.0"
    assert "r3" in front["tags"]
    for title in ("Intended use", "Limits and known failure modes", "How to load it", "Evaluation", "Course of the training"):
        assert f"\n## {title}\n" in card
    assert PLACE in card


def test_a_licence_is_asked_for_and_anything_is_valid_yaml():
    front = yaml.safe_load(model_card(info(train=TrainConfig()), [], []).split("---")[1])
    assert front["license"] == "unknown: set --license"
    odd = 'mine: "all" rights\n- reserved'
    assert yaml.safe_load(model_card(info(train=TrainConfig(license=odd)), [], []).split("---\n")[1])["license"] == odd


def test_a_card_names_the_models_that_this_one_began_with():
    assert "Trained from nothing" in model_card(info(), [], []) and "began with" not in model_card(info(), [], [])
    first = Origin(digest="d1", catalog_url="s3://secret/other", catalog_digest="sha256:c1", num_images=9000, discriminator=True)
    card = model_card(info(origins=(first, Origin(digest="d2"))), [], [])
    assert "Trained with the weights of another model at first" in card and "secret" not in card
    assert "| began with | G and D of the model with sha256 `d1` (9 thousand images, catalog `sha256:c1`), which began with G of " in card
    assert "sha256 `d2` (0 thousand images, digest of its catalog withheld) |" in card


@pytest.mark.parametrize("name", ["category", "shop|name"])
def test_values_of_users_are_no_markup(name):
    card = model_card(info(attributes={name: ("<b>|x", "")}, histograms={name: {"<b>|x": 40, "": 40}}), [], [])
    assert r"&lt;b&gt;\|x 40, (none) 40" in card
    table = next(line for line in card.splitlines() if "(none) 40" in line)
    assert len(re.findall(r"(?<!\\)\|", table)) == 3


def test_many_values_are_counted_not_listed():
    values = tuple(f"brand-{k}" for k in range(VALUES_SHOWN + 5))
    card = model_card(info(attributes={"brand": values}, histograms={"brand": dict.fromkeys(values, 50)}), [], [])
    assert "and 5 more: `model.json` has them all" in card
    assert f"brand-{VALUES_SHOWN} 50" not in card


def test_what_is_rare_or_little_is_among_the_limits():
    card = model_card(info(histograms={"category": {"cap": FEW_PHOTOS - 1, "mug": FEW_PHOTOS}}), [], [])
    assert f"Under {FEW_PHOTOS} photos each, so little variety: category cap." in card
    assert f"{2 * FEW_PHOTOS - 1} photos are few: look for copies" in card
    assert "so little variety" not in model_card(info(), [], [])


def test_an_unconditional_model_and_one_that_reads_titles_say_so():
    bare = model_card(info(attributes={}, histograms={}), [], [])
    assert "it is unconditional" in bare and "drawn from the seed alone" in bare
    titled = TrainConfig().model.model_copy(update={"title_pieces": 24})
    card = model_card(info(model=titled, attributes={}, histograms={}, titles=("red mug", "blue cap")), [], [])
    assert "A **title**, such as: red mug; blue cap." in card
    assert "unconditional" not in card


def test_a_card_tells_the_scores_that_the_model_was_chosen_by():
    card = model_card(info(metrics=SCORE | {"neighbour_ratio": 1.2}), [], [])
    assert "Scores at 0.5 thousand images" in card
    assert "| Frechet distance | 3.21 | 0.6 |" in card
    assert "| neighbour ratio | 1.2 | 1 |" in card
    assert "Scores at" not in model_card(info(), [], [])


def test_the_python_of_a_card_is_python():
    code = re.search(r"```python\n(.*?)```", model_card(info(), [], []), re.DOTALL)[1]
    compile(code, "card", "exec")
    assert "attributes={'category': 'mug', 'colour': 'red'}" in code
