import pytest

from ganray.errors import AccessDenied
from ganray.metrics import FIGURES
from ganray.runs.card_scores import BEGIN, CARD, END, PLACE, escape_markdown, evaluation, put_on_card
from ganray.storage import open_store

REPORT = {
    "model": {"url": "s3://secret/model", "digest": "abc"},
    "catalog": {"url": "s3://secret/catalog", "digest": "sha256:def", "num_images": 3000},
    "extractor": {"url": "s3://secret/extractor", "digest": "123"},
    "num": 1500,
    "searched": 2000,
    "scores": dict.fromkeys(FIGURES, 0.5),
    "floors": dict.fromkeys(FIGURES, 0.25),
    "accuracy": {"colour|x": {"generated": 0.9, "photos": 0.98}, "brand": {"generated": None, "photos": 0.5}},
}


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "model"))


def test_each_figure_stands_beside_its_floor_and_no_place_is_told():
    text = evaluation(REPORT)
    for figure in FIGURES.values():
        assert f"| {figure.title} | 0.5 | 0.25 | {figure.good} | {figure.meaning} |" in text
    assert "among 2,000 of 3,000 photos" in text
    assert r"| colour\|x | 90.0% | 98.0% |" in text
    assert "brand" not in text
    assert "secret" not in text


def test_the_summary_stands_first():
    assert evaluation(REPORT | {"summary": "no value of a|b can"}).startswith("**No value of a\\|b can.**\n\n1,500 generated")


def test_figures_take_their_place_on_the_card_and_are_replaced_there(store):
    store.put(CARD, f"# My model\n\nedited by hand\n\n{PLACE}\n\n## Ours, an odd byte \xff".encode("latin-1"))
    assert put_on_card(store, REPORT).startswith("the figures are on ")
    put_on_card(store, REPORT | {"num": 777})
    card = store.get(CARD)
    assert card.startswith(b"# My model\n\nedited by hand\n\n" + BEGIN.encode())
    assert card.endswith(END.encode() + b"\n\n## Ours, an odd byte \xff")
    assert b"777 generated images" in card and b"1,500 generated images" not in card
    assert b"Not evaluated yet" not in card


def test_a_card_without_a_place_is_left_alone_and_said(store):
    store.put(CARD, b"# Mine")
    assert "has no place for the figures" in put_on_card(store, REPORT)
    assert store.get(CARD) == b"# Mine"


def test_a_folder_without_a_card_is_said(store):
    assert put_on_card(store, REPORT).endswith("has no README.md to put the figures on")
    assert not store.exists(CARD)


def test_a_folder_that_cannot_be_written_to_costs_the_card_alone(store, monkeypatch):
    store.put(CARD, PLACE.encode())

    def refuse(key, data):
        raise AccessDenied("no right to write", "Ask for it")

    monkeypatch.setattr(store, "put", refuse)
    assert put_on_card(store, REPORT) == "the figures are not on the model's card: no right to write. Ask for it"


def test_text_of_users_is_no_markup():
    assert escape_markdown("a|b <b> *c*\n[d](e) `f`") == r"a\|b &lt;b&gt; \*c\* \[d\](e) \`f\`"
