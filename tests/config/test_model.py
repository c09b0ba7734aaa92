from ganray.config import EditorConfig, ModelConfig


def test_a_model_without_titles_has_no_rows_for_them():
    assert ModelConfig().title_rows == 0
    assert ModelConfig(title_pieces=48, title_buckets=10).title_rows == 11  # one more for no piece


def test_a_run_without_tasks_is_of_a_gan():
    assert EditorConfig().tasks == ()
