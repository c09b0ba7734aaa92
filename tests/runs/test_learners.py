import pytest

from ganray.config import EditorConfig, PrivacyConfig, TrainConfig
from ganray.errors import ConfigError
from ganray.presets import preset
from ganray.runs.learners import LEARNERS, learner_of


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (TrainConfig(), "gan"),
        (preset("mlp-28").model_copy(update={"privacy": PrivacyConfig(epsilon=8.0)}), "private-gan"),
        (TrainConfig(editor=EditorConfig(tasks=("upscale",))), "editor"),
    ],
)
def test_a_run_has_the_row_of_what_it_learns(config, name):
    assert learner_of(config) is LEARNERS[name]
    assert LEARNERS[name].name == name


def test_only_a_gan_without_privacy_is_scored():
    assert [name for name, learner in LEARNERS.items() if learner.scored] == ["gan"]


def test_an_editor_needs_photos_of_a_size():
    config = TrainConfig(editor=EditorConfig(tasks=("upscale",)))
    with pytest.raises(ConfigError, match="photos of 32 px are too small for upscale.*--resolution 96"):
        LEARNERS["editor"].check(config)
    LEARNERS["gan"].check(config)


def test_without_mattes_no_cutouts_are_gathered():
    def run_tasks(tasks, done):
        raise AssertionError

    assert LEARNERS["gan"].cutouts(TrainConfig(), run_tasks) is None
    assert len(LEARNERS["editor"].cutouts(TrainConfig(editor=EditorConfig(tasks=("upscale",))), run_tasks)) == 0
