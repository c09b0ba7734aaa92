"""The verbs `train` and `train-editor`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from ganray.config.base import Placement, Probability, Section, refuse_memory
from ganray.config.data import DataConfig
from ganray.config.model import EditorConfig, ModelConfig
from ganray.errors import ConfigError


class OptimizerConfig(Section):
    """Adam for both networks; cosine from first to final over `decay_kimg` images, then constant."""

    lr: PositiveFloat = Field(2e-4, description="learning rate at the start")
    lr_final: PositiveFloat = Field(5e-5, description="learning rate after decay_kimg")
    beta1: Probability = Field(0.0, description="Adam's beta1")
    beta2: Probability = Field(0.9, description="Adam's beta2 at the start")
    beta2_final: Probability = Field(0.99, description="Adam's beta2 after decay_kimg")
    decay_kimg: NonNegativeFloat = Field(0.0, description="length of every schedule in thousand images; 0 = the whole run")


class LossConfig(Section):
    """The game between G and D."""

    name: Literal["relativistic", "bce"] = Field("relativistic", description="relativistic pairing (R3GAN) or the classic cross entropy")
    penalty: Literal["exact", "finite", "none"] = Field(
        "finite", description="R1 and R2: exact (double backward), by finite differences, or none"
    )
    gamma: float | None = Field(None, ge=0.0, description="weight of R1 and R2 at the start; auto = from pixels and number of images")
    gamma_final: float | None = Field(None, ge=0.0, description="weight of R1 and R2 after decay_kimg; auto = a tenth of gamma")
    sigma: PositiveFloat | None = Field(
        None,
        description="step of the finite difference, in units of [-1, 1]; auto = 0.03, in bf16 from 64 px on 0.15, from 128 px on 0.2: "
        "below it the rounding of bf16 shows",
    )
    fraction: Annotated[float, Field(gt=0.0, le=1.0)] = Field(0.25, description="share of the batch the finite differences look at")
    classify: PositiveFloat = Field(1.0, description="weight of D's cross entropy on photos, where model.classifier is set")
    classify_fakes: NonNegativeFloat = Field(
        0.0,
        description="weight of G's cross entropy by that classifier: values are obeyed more, samples of one are more alike",
    )
    spread: NonNegativeFloat = Field(
        0.0, description="weight of the push that keeps samples of one label as far apart as photos of it are; 0 = off"
    )


class AugmentConfig(Section):
    """Augmentation in front of the discriminator, on real and fake alike, differentiable."""

    p: Probability = Field(0.0, description="probability of each transform at the start")
    p_final: Probability = Field(0.6, description="probability of each transform after ramp_kimg; with a target, the most it may reach")
    ramp_kimg: NonNegativeFloat = Field(10.0, description="length of the linear ramp of p in thousand images")
    target: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.0, description="p adapts until D's advantage over chance (mean sign of real minus fake logit) is this; 0 = the ramp"
    )
    speed_kimg: PositiveFloat = Field(100.0, description="thousand images in which an adapting p can go from 0 to 1")
    flip: bool = Field(True, description="mirror left and right")
    shift: Annotated[float, Field(ge=0.0, le=0.5)] = Field(0.125, description="largest shift as a share of the side")
    scale: NonNegativeFloat = Field(0.1, description="standard deviation of log2 of the scale")
    rotate: NonNegativeFloat = Field(5.0, description="largest rotation in degrees")
    colour: NonNegativeFloat = Field(0.2, description="strength of brightness, contrast and saturation")
    cutout: Annotated[float, Field(ge=0.0, le=1.0)] = Field(0.5, description="side of the erased square as a share of the image's; 0 = off")


class ConditionConfig(Section):
    """How G and D come to know the attributes."""

    ramp_kimg: NonNegativeFloat = Field(
        0.0, description="labels count for nothing in the first half of this time, then for more and more; 0 = in full from the start"
    )


class GrowConfig(Section):
    """Coarse pictures first, and finer ones later, in the same networks."""

    kimg: tuple[PositiveFloat, ...] = Field(
        (), description="thousand images at each coarser side before the full one, coarsest first: 40,60 = 40 at a quarter, 60 at half (r3)"
    )


class PrivacyConfig(Section):
    """Differential privacy of the catalog's photos, one by one; `training/privacy.py` says what it covers. Needs the extra `privacy`."""

    epsilon: NonNegativeFloat = Field(0.0, description="the most that the model may tell of any one photo; 0 = no such promise")
    delta: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        1e-6, description="probability that it tells more; must lie below one over the number of photos"
    )
    clip: PositiveFloat = Field(1.0, description="norm that a photo's gradient is shortened to")
    noise: NonNegativeFloat | None = Field(
        None, description="noise on the sum of gradients, in units of clip; auto = the least that keeps to epsilon over the run"
    )


class ScoreConfig(Section):
    """Scores beside training: distance, coverage, accuracy and copies, by which the best model is kept and a collapse is seen."""

    kimg: NonNegativeFloat = Field(0.0, description="thousand images between scores; 0 = none, and the last model is published")
    num: Annotated[int, Field(ge=32)] = Field(1000, description="samples a score, and photos they are compared with, where there are twice")
    extractor_kimg: PositiveFloat = Field(
        10.0, description="training of the run's feature extractor in thousand images, at most; never over 40 epochs"
    )
    publish: Literal["best", "last"] = Field(
        "best", description="which model the run leaves; the best by its scores is in OUT/best as well"
    )
    stop: Probability = Field(0.5, description="end the run when coverage stays under this share of its best, 3 scores in a row; 0 = never")
    threads: NonNegativeInt = Field(0, description="torch threads of the process that scores; 0 = the CPUs that training leaves")


class LearnedEditsConfig(EditorConfig):
    """The editor of `train-editor`: every task."""

    tasks: tuple[Literal["matte", "inpaint", "upscale", "enhance"], ...] = Field(
        ("matte", "inpaint", "upscale", "enhance"), description="what to learn, a network each"
    )
    encoder: Literal["auto", "", "imagenet"] = Field(  # type: ignore[assignment]
        "auto", description="of mattes; imagenet: frozen ImageNet features (extra `features`), 14 MB larger; auto: where that is installed"
    )
    detail_width: PositiveInt = Field(48, description="channels of the networks of detail (upscale, enhance)")
    quality_plane: bool = Field(True, description="tell upscale at which quality a JPEG was saved")


class EditorOptimizerConfig(OptimizerConfig):
    """Adam of `train-editor`."""

    lr: PositiveFloat = Field(1e-3, description="learning rate at the start")
    lr_final: PositiveFloat = Field(2e-5, description="learning rate after decay_kimg")
    beta1: Probability = Field(0.9, description="Adam's beta1")
    beta2: Probability = Field(0.99, description="Adam's beta2 at the start")


class TrainingRun(Placement):
    """What every training run is told, whatever it learns."""

    catalog: str = Field("out/catalog", description="URL of a prepared catalog (the output of ingest)")
    out: str = Field("out/model", description="URL of the model folder to write; checkpoints lie in it too")
    kimg: PositiveFloat = Field(50.0, description="length of the run in thousand images")
    minutes: NonNegativeFloat = Field(0.0, description="stop after this many minutes of training even if kimg is not reached; 0 = never")
    batch: PositiveInt = Field(32, description="images per step over all workers")
    seed: NonNegativeInt = Field(0, description="seed of weights, data order and every random draw")
    resume: bool = Field(False, description="continue the run that lies in out; without it an existing run is an error")
    workers: PositiveInt = Field(1, description="Ray Train workers, each with its own copy of the networks")
    threads: NonNegativeInt = Field(0, description="torch threads a worker on CPU; 0 = the CPUs the machine has for it")
    gpu: bool | None = Field(None, description="one GPU a worker; default: where the cluster has them")
    checkpoint_kimg: PositiveFloat = Field(10.0, description="thousand images between checkpoints, at most")
    checkpoint_minutes: NonNegativeFloat = Field(10.0, description="minutes between checkpoints, at most; 0 = by images alone")
    log_kimg: PositiveFloat = Field(0.5, description="thousand images between log lines and TensorBoard scalars")
    grid_kimg: PositiveFloat = Field(5.0, description="thousand images between sample grids")
    license: str = Field("unknown: set --license", description="licence of the model, for its card: an SPDX name, or your own words")
    optimizer: OptimizerConfig = Field(OptimizerConfig(), description="Adam and the schedules")
    editor: EditorConfig = Field(EditorConfig(), description="the editor, in place of a GAN")

    @model_validator(mode="after")
    def _check_run(self) -> Self:
        if self.executor == "local" and self.workers > 1:
            raise ConfigError(f"executor = local with workers = {self.workers}: one process has one", "Use --executor ray, or --workers 1")
        if self.batch < self.workers:
            raise ConfigError(f"{self.workers} workers cannot share a batch of {self.batch}", "Use a larger batch, or fewer workers")
        refuse_memory(catalog=self.catalog, out=self.out)
        return self


class TrainConfig(TrainingRun):
    """Options of the verb `train`.

    The values of a preset come from `ganray.preset`, those of the class are the defaults behind it:

    >>> ganray.preset("r3-64").model_copy(update={"catalog": "catalog", "workers": 4}).model.resolution
    64
    """

    shown_first = ("preset",)
    model_config = ConfigDict(validate_by_name=True)  # `from` is a word of Python's: there, and in model.json, it is `from_model`
    preset: str = Field(
        "demo-32", description="starting point for every key below: demo-32, lunch-64, night-64, mlp-28, dcgan-64, r3-64, r3-128 or r3-256"
    )
    from_model: str = Field(
        "", alias="from", description="URL of a model folder to begin with the weights of; keys of model that are not set are that model's"
    )
    attributes: tuple[str, ...] | None = Field(None, description="catalog attributes to condition on; default all; [] = unconditional")
    min_workers: NonNegativeInt = Field(
        0, description="go on with as few workers as this while there is no place for more; 0 = workers is a fixed number"
    )
    lanes: NonNegativeInt = Field(
        0, description="sequences of images that a batch is drawn from and that workers divide among them; 0 = up to 8, at least workers"
    )
    accumulate: int | None = Field(
        1, ge=1, description="micro-batches of a worker's share of a step, to take less memory; auto = as few as fit, tried at the start"
    )
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="auto = bf16 where the device has it (GPU, new CPU), else fp32")
    deterministic: bool = Field(
        False, description="on a GPU: equal bits in runs on one kind of GPU with as many workers, in slower steps; on a CPU it is so anyway"
    )
    compile: Literal["auto", "on", "off"] = Field("auto", description="torch.compile of both networks; auto = on a GPU with a C compiler")
    max_failures: NonNegativeInt = Field(3, description="worker failures survived by restarting from the last checkpoint")
    keep: PositiveInt = Field(2, description="checkpoints kept")
    track: tuple[Literal["mlflow", "wandb"], ...] = Field(
        (), description="also tell these trackers, set up by their own variables (MLFLOW_TRACKING_URI, WANDB_MODE, ...)"
    )
    ema_kimg: NonNegativeFloat = Field(5.0, description="half-life of the generator's moving average in thousand images")
    ema_rampup: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        0.05, description="the half-life never exceeds this share of the images seen"
    )
    model: ModelConfig = Field(ModelConfig(), description="the networks")
    loss: LossConfig = Field(LossConfig(), description="loss and penalties")
    augment: AugmentConfig = Field(AugmentConfig(), description="augmentation in front of the discriminator")
    condition: ConditionConfig = Field(ConditionConfig(), description="how labels come in")
    grow: GrowConfig = Field(GrowConfig(), description="coarse pictures first")
    privacy: PrivacyConfig = Field(PrivacyConfig(), description="differential privacy of the photos")
    score: ScoreConfig = Field(ScoreConfig(), description="scores while the run is under way")
    data: DataConfig = Field(DataConfig(), description="streaming and input transforms")

    @model_validator(mode="after")
    def _check_shares(self) -> Self:
        """Lanes and workers fit the batch, at full size and at any smaller one that the run may have."""
        if self.min_workers > self.workers:
            raise ConfigError(f"min_workers = {self.min_workers} is over workers = {self.workers}", "workers is the most there can be")
        if self.lanes and (self.batch % self.lanes or self.lanes < self.workers):
            fitting = ", ".join(str(number) for number in range(self.workers, self.batch + 1) if self.batch % number == 0)
            raise ConfigError(
                f"lanes = {self.lanes} does not fit a batch of {self.batch} and {self.workers} worker(s)", f"Use one of {fitting}, or 0"
            )
        return self

    @model_validator(mode="after")
    def _check_learning(self) -> Self:
        """Settings of the step do not contradict each other."""
        if self.editor.tasks and self.from_model:
            raise ConfigError(f"from = {self.from_model} with editor.tasks: an editor begins from nothing", "Leave from out")
        if self.editor.tasks and self.accumulate != 1:
            raise ConfigError("accumulate with editor.tasks: an editor's batch is not divided", "Use --batch to take less memory")
        if self.augment.target and not self.augment.p_final:
            raise ConfigError(
                f"augment.target = {self.augment.target:g} with augment.p_final = 0: the augmentation may not adapt above nothing",
                "Add --augment.p-final 0.6",
            )
        if self.condition.ramp_kimg > self.kimg:
            raise ConfigError(
                f"condition.ramp_kimg = {self.condition.ramp_kimg:g} is over kimg = {self.kimg:g}: labels would never count",
                f"Use half of the run, {self.kimg / 2:g}, or less",
            )
        if self.compile == "on" and self.grow.kimg:
            raise ConfigError("compile = on with grow.kimg: graphs are compiled for one side", "Use --compile off, or --grow.kimg []")
        if self.compile == "on" and self.loss.penalty == "exact":
            raise ConfigError("compile = on with loss.penalty = exact", "torch.compile has no double backward: use --loss.penalty finite")
        return self

    @model_validator(mode="after")
    def _check_growth(self) -> Self:
        """A network that can leave stages out has as many as it is to leave out, and sees the full side in the end."""
        if not self.grow.kimg:
            return self
        if self.model.name != "r3" or self.editor.tasks:
            what = "an editor" if self.editor.tasks else f"model.name = {self.model.name}"
            raise ConfigError(f"grow.kimg with {what}: only r3 has stages that can be left out", "Use --grow.kimg []")
        if len(self.grow.kimg) >= len(self.model.widths):
            message = f"grow.kimg has {len(self.grow.kimg)} coarser sides, and a network of {len(self.model.widths)} stages has fewer"
            raise ConfigError(message, f"Name at most {len(self.model.widths) - 1}")
        if sum(self.grow.kimg) >= self.kimg:
            message = f"grow.kimg adds up to {sum(self.grow.kimg):g}, kimg is {self.kimg:g}: no picture would have the full side"
            halves = ",".join(f"{self.kimg / 2 / len(self.grow.kimg):g}" for _ in self.grow.kimg)
            raise ConfigError(message, f"Use --grow.kimg {halves}, or a longer run")
        return self

    @model_validator(mode="after")
    def _check_privacy(self) -> Self:
        """A private run reaches photos through its noise alone, and can be computed."""
        if not self.privacy.epsilon:
            return self
        for setting, bad, why, remedy in (
            (f"loss.name = {self.loss.name}", self.loss.name != "bce", "G would read the logits of photos", "--loss.name bce"),
            (f"loss.penalty = {self.loss.penalty}", self.loss.penalty != "none", "R1 looks at photos again", "--loss.penalty none"),
            (f"loss.spread = {self.loss.spread:g}", self.loss.spread, "it tells G how far apart photos lie", "--loss.spread 0"),
            (f"augment.target = {self.augment.target:g}", self.augment.target, "it follows the logits of photos", "--augment.target 0"),
            (f"score.kimg = {self.score.kimg:g}", self.score.kimg, "scores compare with photos", "--score.kimg 0"),
            (
                f"model.title_pieces = {self.model.title_pieces}",
                self.model.title_pieces,
                "titles are photos'",
                "--model.title-pieces 0",
            ),
            (f"workers = {self.workers}", self.workers > 1, "one worker draws the sample", "--workers 1"),
            (f"accumulate = {self.accumulate}", self.accumulate != 1, "a private step is not divided", "--accumulate 1"),
            ("model.classifier", self.model.classifier, "it learns photos' labels", "no --model.classifier"),
            ("grow.kimg", bool(self.grow.kimg), "a private step has one side", "--grow.kimg []"),
            ("compile = on", self.compile == "on", "gradients of single images are not compiled", "--compile off"),
            ("precision = bf16", self.precision == "bf16", "a private step computes in fp32", "--precision fp32"),
        ):
            if bad:
                raise ConfigError(f"privacy.epsilon with {setting}: {why}", f"Use {remedy}")
        return self


class TrainEditorConfig(TrainingRun):
    """Options of the verb `train-editor`.

    >>> ganray.TrainEditorConfig(catalog="catalog", kimg=36).editor.tasks
    ('matte', 'inpaint', 'upscale', 'enhance')
    """

    catalog: str = Field(
        "out/catalog", description="URL of a prepared catalog of photos, best cropped: ingest --square crop --resolution 400"
    )
    out: str = Field("out/model", description="URL of a model folder; the editor is written into its folder editor")
    kimg: PositiveFloat = Field(60.0, description="length of the run in thousand photos, each of them for every task")
    batch: PositiveInt = Field(8, description="photos per step over all workers")
    threads: NonNegativeInt = Field(1, description="torch threads a worker on CPU; 0 = the CPUs the machine has for it")
    log_kimg: PositiveFloat = Field(0.2, description="thousand photos between log lines and TensorBoard scalars")
    optimizer: EditorOptimizerConfig = Field(EditorOptimizerConfig(), description="Adam and the schedules")
    editor: LearnedEditsConfig = Field(LearnedEditsConfig(), description="the networks and what they learn from")

    @model_validator(mode="after")
    def _check_tasks(self) -> Self:
        if not self.editor.tasks:
            raise ConfigError("editor.tasks is empty", "Name some of matte, inpaint, upscale, enhance")
        return self
