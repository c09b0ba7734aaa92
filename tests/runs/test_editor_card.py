from ganray.config import EditorConfig
from ganray.model_folder import EditorInfo
from ganray.runs.editor_card import TASK_SUMMARIES, editor_card


def test_the_card_says_what_each_task_is_for_and_how_it_went():
    info = EditorInfo(
        editor=EditorConfig(tasks=tuple(TASK_SUMMARIES)), digest="d" * 64, catalog_url="s3://secret/place", num_images=36_000, size=12
    )
    rows = [{"kimg": kimg, **dict.fromkeys(TASK_SUMMARIES, 1 / kimg)} for kimg in (1.0, 36.0)]
    card = editor_card(info, rows, ["grids/a.png", "grids/b.png"])
    assert all(f"**{task}**" in card for task in TASK_SUMMARIES) and "(grids/b.png)" in card
    assert "| matte | 1 | 0.02778 |" in card and "36 thousand photos" in card
    assert "secret" not in card and card.startswith('---\nlicense: "unknown"')
    assert "| loss |" not in editor_card(info, [], [])
