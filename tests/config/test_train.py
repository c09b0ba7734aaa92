import pytest

from ganray.config import OptimizerConfig, TrainConfig, TrainEditorConfig
from ganray.config.train import TrainingRun
from ganray.errors import ConfigError

PRIVATE = {
    "loss": {"name": "bce", "penalty": "none"},
    "privacy": {"epsilon": 8.0},
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 2, "workers": 3}, "3 workers cannot share a batch of 2"),
        ({"lanes": 5}, r"lanes = 5 does not fit a batch of 16 and 1 worker.*1, 2, 4, 8, 16, or 0"),
        ({"lanes": 2, "workers": 3}, r"lanes = 2 does not fit a batch of 16 and 3 worker.*Use one of 4, 8, 16, or 0"),
        ({"workers": 2, "min_workers": 3}, "min_workers = 3 is over workers = 2"),
        ({"editor": {"tasks": ("matte",)}, "from": "x"}, "from = x with editor.tasks.*Leave from out"),
        ({"editor": {"tasks": ("matte",)}, "accumulate": 2}, "accumulate with editor.tasks.*Use --batch"),
        ({"augment": {"target": 0.6, "p_final": 0.0}}, r"augment.target = 0.6 with augment.p_final = 0.*Add --augment.p-final 0.6"),
        ({"condition": {"ramp_kimg": 9.0}, "kimg": 8.0}, r"condition.ramp_kimg = 9 is over kimg = 8: .*Use half of the run, 4, or less"),
        ({"compile": "on", "loss": {"penalty": "exact"}}, r"compile = on with loss.penalty = exact.*--loss.penalty finite"),
        ({"compile": "on", "grow": {"kimg": (1.0,)}}, r"compile = on with grow.kimg.*--compile off"),
        ({"model": {"name": "mlp"}, "grow": {"kimg": (1.0,)}}, r"grow.kimg with model.name = mlp: only r3 .*Use --grow.kimg \[\]"),
        ({"grow": {"kimg": (1.0, 1.0, 1.0)}}, "grow.kimg has 3 coarser sides, and a network of 3 stages has fewer. Name at most 2"),
        ({"grow": {"kimg": (30.0, 30.0)}}, r"grow.kimg adds up to 60, kimg is 50: .*Use --grow.kimg 12.5,12.5, or a longer run"),
        ({**PRIVATE, "grow": {"kimg": (1.0,)}}, "privacy.epsilon with grow.kimg"),
        ({"catalog": "memory://x"}, "catalog = memory://x: memory is not shared"),
        ({"out": "memory://x"}, "out = memory://x: memory is not shared"),
        ({**PRIVATE, "loss": {"penalty": "none"}}, "privacy.epsilon with loss.name = relativistic: .*Use --loss.name bce"),
        ({**PRIVATE, "model": {**PRIVATE.get("model", {}), "classifier": True}}, "privacy.epsilon with model.classifier: it learns"),
        ({**PRIVATE, "workers": 2}, "privacy.epsilon with workers = 2: one worker draws the sample. Use --workers 1"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig.model_validate({"batch": 16, **changes})


def test_from_has_another_name_in_python_and_in_files_of_a_run():
    config = TrainConfig(from_model="there")
    assert config == TrainConfig.model_validate({"from": "there"}) == TrainConfig.model_validate_json(config.model_dump_json())
    assert config.model_copy(update={"seed": 1}).from_model == "there"


def test_a_private_run_may_have_the_settings_that_remedies_name():
    assert TrainConfig.model_validate(PRIVATE).privacy.epsilon == 8.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"editor": {"tasks": ()}}, "editor.tasks is empty. Name some of matte, inpaint, upscale, enhance"),
        ({"workers": 9}, "9 workers cannot share a batch of 8"),
        ({"out": "memory://x"}, "out = memory://x: memory is not shared"),
    ],
)
def test_the_editor_s_run_has_rules_of_its_own(changes, message):
    with pytest.raises(ConfigError, match=message):
        TrainEditorConfig.model_validate(changes)


def test_both_runs_have_the_same_fields_with_their_own_defaults():
    gan, editor = TrainConfig(), TrainEditorConfig()
    assert (gan.kimg, gan.batch, gan.threads, gan.log_kimg) == (50.0, 32, 0, 0.5)
    assert (editor.kimg, editor.batch, editor.threads, editor.log_kimg) == (60.0, 8, 1, 0.2)
    assert gan.license == editor.license == "unknown: set --license"
    assert gan.optimizer == OptimizerConfig() and (editor.optimizer.lr, editor.optimizer.beta1) == (1e-3, 0.9)
    assert TrainEditorConfig.model_fields.keys() == TrainingRun.model_fields.keys()
