"""What a run can be told: one frozen pydantic model per verb, each field with its help text.

The same declaration gives flags, YAML keys and environment variables (`settings.py` reads them).
Unknown keys are errors everywhere. Nothing here is read on import, and nothing reads the environment.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import CliPositionalArg

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Section(BaseModel):
    """A group of keys: frozen, and strict about names."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    @field_validator("*", mode="before")
    @classmethod
    def _read_list(cls, value: Any, info: ValidationInfo) -> Any:
        """Lists from one string (a flag, a variable): `a,b`, `["a", "b"]` or empty; `none` for a field that may be unset."""
        kind = str(cls.model_fields[str(info.field_name)].annotation)
        if not isinstance(value, str) or not (kind.startswith("tuple") or kind.endswith("None")):
            return value
        if "None" in kind and value.lower() in ("none", "null", "auto"):
            return None
        if not kind.startswith("tuple"):
            return value
        return json.loads(value) if value.startswith("[") else tuple(part.strip() for part in value.split(",") if part.strip())


class RayConfig(Section):
    """Where the work runs."""

    address: str = Field("", description="Ray cluster to join, e.g. auto; empty starts one on this machine, or joins the job's own")
    num_cpus: NonNegativeInt = Field(0, description="logical CPUs of a cluster started here; 0 = the cores of this machine")


class ModelConfig(Section):
    """The two networks, as built by `models/`."""

    name: str = Field("r3", description="a key of MODELS: mlp, dcgan or r3")
    resolution: PositiveInt = Field(32, description="side of the square image in pixels; must be the catalog's")
    channels: Literal[1, 3] = Field(3, description="3 = colour, 1 = grey (RGB in and out, luma inside)")
    z_dim: PositiveInt = Field(64, description="length of the latent vector z ~ N(0, I)")
    embed_dim: PositiveInt = Field(64, description="length of each attribute's embedding in G")
    widths: tuple[PositiveInt, ...] = Field((128, 96, 64), description="feature channels per stage, from the 4 px stage to the finest")
    blocks: PositiveInt = Field(1, description="residual blocks a stage (r3)")
    group_channels: PositiveInt = Field(16, description="channels per group of the grouped 3x3 convolutions (r3)")
    patch: Literal[1, 2] = Field(1, description="image pixels per side of a finest feature pixel; 2 is the lean form for CPUs (r3)")
    title_pieces: NonNegativeInt = Field(
        0, description="read product titles, up to so many words and trigrams of each (48 = about 8 words); 0 = titles are not read"
    )
    title_buckets: PositiveInt = Field(4096, description="rows of the table that words and trigrams of titles are hashed to")

    @property
    def title_rows(self) -> int:
        """Rows of the table of pieces; 0 in a model that reads no titles."""
        return self.title_pieces and self.title_buckets + 1


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
    sigma: PositiveFloat = Field(
        0.03, description="step of the finite difference, in units of [-1, 1]; below 0.03 the rounding of bf16 shows"
    )
    fraction: Annotated[float, Field(gt=0.0, le=1.0)] = Field(0.25, description="share of the batch the finite differences look at")
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


class DataConfig(Section):
    """Streaming: how catalog images become training batches (each transform drawn per image from the run's seed)."""

    window: PositiveInt = Field(1024, description="images shuffled together; the memory of one data task")
    prefetch: PositiveInt = Field(2, description="windows kept ready in front of each worker")
    word_drop: Probability = Field(0.1, description="probability that a word of a title is left out, so that titles may be short")
    flip: Probability = Field(0.5, description="probability of a left-right mirror")
    rotate_p: Probability = Field(0.0, description="probability of a rotation")
    rotate: NonNegativeFloat = Field(5.0, description="largest rotation in degrees")
    scale_p: Probability = Field(0.0, description="probability of a zoom")
    scale: Annotated[float, Field(ge=0.0, lt=0.5)] = Field(0.08, description="largest zoom in or out as a share")
    crop_p: Probability = Field(0.0, description="probability of a shifted crop")
    crop: Annotated[float, Field(ge=0.0, lt=0.5)] = Field(0.06, description="largest shift as a share of the side")
    colour_p: Probability = Field(0.0, description="probability of a colour change")
    colour: NonNegativeFloat = Field(0.1, description="strength of brightness, contrast and saturation")


class EditorConfig(Section):
    """The editor's networks and what they learn from; without tasks a run trains a GAN."""

    tasks: tuple[Literal["matte", "inpaint", "upscale", "enhance"], ...] = Field((), description="what to learn, a network each, in turn")
    cutouts: str = Field("", description="URL of a prefix of cut-outs (PNG or WebP with alpha) of products, for mattes")
    drawn: NonNegativeInt = Field(360, description="drawn products beside them, whose mattes are known")
    mined: NonNegativeInt = Field(1500, description="photos of the catalog among which such on plain backgrounds are sought, for mattes")
    composites: PositiveInt = Field(2, description="products that are put before a photo's border in a step, for mattes")
    adversarial: NonNegativeFloat = Field(0.0, description="weight of a critic of inpaint and upscale: sharper, less true; 0 = none")
    widths: tuple[PositiveInt, ...] = Field((24, 48, 72, 96, 128), description="channels a level of the U-Nets (matte, inpaint)")
    blocks: PositiveInt = Field(1, description="residual blocks a level of the U-Nets")
    detail_width: PositiveInt = Field(32, description="channels of the networks of detail (upscale, enhance)")
    detail_blocks: PositiveInt = Field(4, description="residual blocks of the networks of detail")


class TrainConfig(Section):
    """Train a GAN on a prepared catalog through Ray Train; the result is a model folder."""

    preset: str = Field("demo-32", description="starting point for every key below: demo-32, mlp-28, dcgan-64, r3-64, r3-128 or r3-256")
    catalog: str = Field("out/catalog", description="URL of a prepared catalog (the output of ingest)")
    out: str = Field("out/model", description="URL of the model folder to write; checkpoints lie in it too")
    attributes: tuple[str, ...] | None = Field(None, description="catalog attributes to condition on; default all; [] = unconditional")
    kimg: PositiveFloat = Field(50.0, description="length of the run in thousand images")
    minutes: NonNegativeFloat = Field(0.0, description="stop after this many minutes of training even if kimg is not reached; 0 = never")
    batch: PositiveInt = Field(32, description="images per step over all workers")
    seed: NonNegativeInt = Field(0, description="seed of weights, data order and every random draw")
    resume: bool = Field(False, description="continue the run that lies in out; without it an existing run is an error")
    workers: PositiveInt = Field(1, description="Ray Train workers, each with its own copy of the networks")
    min_workers: NonNegativeInt = Field(
        0, description="go on with as few workers as this while there is no place for more; 0 = workers is a fixed number"
    )
    lanes: NonNegativeInt = Field(
        0, description="sequences of images that a batch is drawn from and that workers divide among them; 0 = up to 8, at least workers"
    )
    accumulate: int | None = Field(
        1, ge=1, description="micro-batches of a worker's share of a step, to take less memory; auto = as few as fit, tried at the start"
    )
    threads: NonNegativeInt = Field(0, description="torch threads a worker on CPU; 0 = the CPUs the machine has for it")
    gpu: bool | None = Field(None, description="one GPU a worker; default: where the cluster has them")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="auto = bf16 where the device has it (GPU, new CPU), else fp32")
    compile: Literal["auto", "on", "off"] = Field("auto", description="torch.compile of both networks; auto = on a GPU with a C compiler")
    max_failures: NonNegativeInt = Field(3, description="worker failures survived by restarting from the last checkpoint")
    checkpoint_kimg: PositiveFloat = Field(10.0, description="thousand images between checkpoints, at most")
    checkpoint_minutes: NonNegativeFloat = Field(10.0, description="minutes between checkpoints, at most; 0 = by images alone")
    keep: PositiveInt = Field(2, description="checkpoints kept")
    log_kimg: PositiveFloat = Field(0.5, description="thousand images between log lines and TensorBoard scalars")
    grid_kimg: PositiveFloat = Field(5.0, description="thousand images between sample grids")
    track: tuple[Literal["mlflow", "wandb"], ...] = Field(
        (), description="also tell these trackers, set up by their own variables (MLFLOW_TRACKING_URI, WANDB_MODE, ...)"
    )
    license: str = Field("unknown: set --license", description="licence of the model, for its card: an SPDX name, or your own words")
    ema_kimg: NonNegativeFloat = Field(5.0, description="half-life of the generator's moving average in thousand images")
    ema_rampup: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        0.05, description="the half-life never exceeds this share of the images seen"
    )
    model: ModelConfig = Field(ModelConfig(), description="the networks")
    optimizer: OptimizerConfig = Field(OptimizerConfig(), description="Adam and the schedules")
    loss: LossConfig = Field(LossConfig(), description="loss and penalties")
    augment: AugmentConfig = Field(AugmentConfig(), description="augmentation in front of the discriminator")
    condition: ConditionConfig = Field(ConditionConfig(), description="how labels come in")
    privacy: PrivacyConfig = Field(PrivacyConfig(), description="differential privacy of the photos")
    score: ScoreConfig = Field(ScoreConfig(), description="scores while the run is under way")
    data: DataConfig = Field(DataConfig(), description="streaming and input transforms")
    editor: EditorConfig = Field(EditorConfig(), description="the editor, in place of a GAN")
    ray: RayConfig = Field(RayConfig(), description="where the work runs")


class LearnedEditsConfig(EditorConfig):
    """The editor of `train-editor`: every task."""

    tasks: tuple[Literal["matte", "inpaint", "upscale", "enhance"], ...] = Field(
        ("matte", "inpaint", "upscale", "enhance"), description="what to learn, a network each"
    )


class EditorOptimizerConfig(OptimizerConfig):
    """Adam of `train-editor`."""

    lr: PositiveFloat = Field(1e-3, description="learning rate at the start")
    lr_final: PositiveFloat = Field(2e-5, description="learning rate after decay_kimg")
    beta1: Probability = Field(0.9, description="Adam's beta1")
    beta2: Probability = Field(0.99, description="Adam's beta2 at the start")


class TrainEditorConfig(Section):
    """Train the networks of the learned edits on a prepared catalog: cut out, inpaint, upscale, enhance."""

    catalog: str = Field(
        "out/catalog", description="URL of a prepared catalog of photos, best cropped: ingest --square crop --resolution 400"
    )
    out: str = Field("out/model", description="URL of a model folder; the editor is written into its folder editor")
    kimg: PositiveFloat = Field(60.0, description="length of the run in thousand photos, each of them for every task")
    minutes: NonNegativeFloat = Field(0.0, description="stop after this many minutes of training even if kimg is not reached; 0 = never")
    batch: PositiveInt = Field(8, description="photos per step over all workers")
    seed: NonNegativeInt = Field(0, description="seed of weights, data order and every random draw")
    resume: bool = Field(False, description="continue the run that lies in out; without it an existing run is an error")
    workers: PositiveInt = Field(1, description="Ray Train workers, each with its own copy of the networks")
    threads: NonNegativeInt = Field(1, description="torch threads a worker on CPU; 0 = the CPUs the machine has for it")
    gpu: bool | None = Field(None, description="one GPU a worker; default: where the cluster has them")
    checkpoint_kimg: PositiveFloat = Field(10.0, description="thousand photos between checkpoints, at most")
    checkpoint_minutes: NonNegativeFloat = Field(10.0, description="minutes between checkpoints, at most; 0 = by photos alone")
    log_kimg: PositiveFloat = Field(0.2, description="thousand photos between log lines and TensorBoard scalars")
    grid_kimg: PositiveFloat = Field(5.0, description="thousand photos between sheets")
    editor: LearnedEditsConfig = Field(LearnedEditsConfig(), description="the networks and what they learn from")
    optimizer: EditorOptimizerConfig = Field(EditorOptimizerConfig(), description="Adam and the schedules")
    ray: RayConfig = Field(RayConfig(), description="where the work runs")


class IngestConfig(Section):
    """Turn a prefix of product photos into a prepared catalog."""

    source: str = Field("sample:3000", description="URL of a prefix of images, or sample:N to draw a sample catalog of N products first")
    inventory: str = Field(
        "", description="URL of the manifest.json of an S3 Inventory (CSV or Parquet) of the source's bucket, in place of listing it"
    )
    out: str = Field("out/catalog", description="URL of the prepared catalog to write")
    resolution: Annotated[int, Field(ge=8, le=2048)] = Field(32, description="side of the prepared square images in pixels")
    table: str = Field("", description="URL of a CSV or Parquet table of attributes; empty takes the category from folder names")
    join: str = Field("", description="column of the table that names the file or the SKU; empty finds file, filename, path or sku")
    attributes: tuple[str, ...] | None = Field(
        None, description="table columns to keep as attributes; default: every column with at most max_values values"
    )
    auto_attributes: tuple[Literal["dominant_colour", "background"], ...] = Field(
        (),
        description="attributes to read off the photos: dominant_colour (of the product, one of a dozen) and background (white, plain or "
        "cluttered)",
    )
    title: str = Field("", description="table column of product titles, for models that read them (model.title_pieces)")
    max_values: PositiveInt = Field(
        200, description="an attribute with more distinct values is left out (by default) or refused (if named)"
    )
    min_images: PositiveInt = Field(2, description="fewer images than this in a category is an error")
    square: Literal["pad", "crop"] = Field("pad", description="how photos become square: white padding or centre crop")
    format: Literal["png", "webp", "jpeg"] = Field("png", description="encoding of the prepared images (webp is lossless)")
    duplicates: Literal["keep", "exact", "near"] = Field(
        "exact",
        description="which photos are left out because they are there already: those of the same bytes, or near ones too (encoded again, "
        "resized, a tenth brighter or darker, up to 2 % cut off)",
    )
    max_bytes: PositiveInt = Field(25_000_000, description="larger files are quarantined")
    max_pixels: PositiveInt = Field(50_000_000, description="images with more pixels are quarantined")
    max_frames: PositiveInt = Field(1, description="images with more frames are quarantined")
    shard_images: PositiveInt = Field(2048, description="source images per shard: the unit of work and of retry")
    row_group: PositiveInt = Field(128, description="images per Parquet row group: the unit of streaming")
    limit: NonNegativeInt = Field(0, description="stop listing after this many images; 0 = all")
    seed: NonNegativeInt = Field(0, description="seed of the sample catalog")
    cluttered: Probability = Field(0.0, description="share of the sample catalog's products that stand on cluttered backgrounds")
    ray: RayConfig = Field(RayConfig(), description="where the work runs")


class GateConfig(Section):
    """What a sample must be like to be written; others are drawn again, or quarantined."""

    extractor: str = Field("", description="URL of a feature extractor, the folder of that name under a ganray evaluate; empty = no gate")
    catalog: str = Field("", description="URL of the catalog to compare with; empty = the one that the model was trained on")
    tries: NonNegativeInt = Field(3, description="further seeds to draw a refused sample from before it is quarantined")
    match: Probability = Field(0.5, description="least probability that it is of the category asked for")
    far: PositiveFloat = Field(2.0, description="most distance to the nearest photo, in units of what 99 % of photos keep to another one")
    copies: Probability = Field(0.01, description="as near to a photo as this share of photos is to another: a copy; 0 lets them through")
    search: NonNegativeInt = Field(20_000, description="photos of the catalog to compare with, at most; 0 = all")


class LabelConfig(Section):
    """What images say beyond the IPTC and AIGC labels, which all have. Of edited photos those have the visible one that a model made a
    part of."""

    visible: str = Field(
        "", max_length=40, description="a word in the lower right corner, such as AI; for China AI\u751f\u6210, with a font that has it"
    )
    chain: str = Field(
        "",
        description="C2PA credentials: URL of a certificate chain in PEM, the signer's first (extra `c2pa`); empty = none. Those that an "
        "edited photo has itself are kept in them: also a place, where its camera wrote one",
    )
    key: str = Field("", description="URL of the signer's P-256 key in PEM")
    font: str = Field("", description="URL of the TrueType or OpenType font of the visible label; empty has Latin letters")


class GenerateConfig(Section):
    """Make labelled images in bulk from a table of requests (or a count), each written exactly once."""

    model: str = Field("out/model", description="URL of a model folder")
    requests: str = Field(
        "", description="URL of a JSONL, CSV or Parquet table of requests; empty makes num requests over all attribute values"
    )
    num: PositiveInt = Field(1000, description="requests to make when no table is given, spread evenly over the first attribute's values")
    out: str = Field("out/images", description="URL to write images, receipts and manifest under")
    format: Literal["png", "jpeg", "webp", "avif"] = Field("png", description="image format of requests that name none")
    layout: Literal["objects", "parquet", "webdataset"] = Field(
        "objects", description="an object an image, or an object a shard: Parquet (for datasets, pyarrow) or tar (for webdataset)"
    )
    policy: str = Field(
        "", description="URL of a YAML or JSON file: segment -> the attributes that requests of that segment get in place of their own"
    )
    gate: GateConfig = Field(GateConfig(), description="quality gate")
    label: LabelConfig = Field(LabelConfig(), description="labels")
    seed: NonNegativeInt = Field(0, description="seed from which requests without one derive theirs")
    shard_images: NonNegativeInt = Field(
        0, description="images per shard, the unit of work and of retry; 0 = 512 of 32 px, fewer of larger ones"
    )
    engines: PositiveInt = Field(1, description="engine actors")
    threads: NonNegativeInt = Field(0, description="torch threads an engine on CPU; 0 = all cores but the one that encodes and writes")
    gpu: bool | None = Field(None, description="one GPU an engine; default: where the cluster has them")
    price: NonNegativeFloat = Field(0.0, description="of an hour of the cluster, in any currency: what the job has cost is shown")
    dry_run: bool = Field(False, description="check the table, estimate time, bytes and cost from a few images, and write nothing")
    ray: RayConfig = Field(RayConfig(), description="where the work runs")


class EditConfig(Section):
    """Edit photos in bulk: all under a prefix, or those that a table of requests names, each result written exactly once."""

    source: str = Field("", description="URL of a prefix of photos; a table's requests name them by their keys under it")
    requests: str = Field(
        "", description="URL of a JSONL, CSV or Parquet table of edit requests; empty edits every image under source, named by its key"
    )
    edits: str = Field(
        "", description="the chain of requests that have none, e.g. cutout,white,conform:amazon-main; JSON where an edit has parameters"
    )
    model: str = Field("", description="URL of a model folder with an editor, a generator or both; empty: edits that need no model")
    out: str = Field("out/edited", description="URL to write images, receipts and manifest under")
    format: Literal["", "png", "jpeg", "webp", "avif"] = Field(
        "", description="image format of requests that name none; empty: what the last edit asks for, else the photo's own"
    )
    failing: str = Field(
        "", description="edit only photos that fail the check of this profile, e.g. google-main; the others are left alone"
    )
    layout: Literal["objects", "parquet", "webdataset"] = Field(
        "objects", description="an object an image, or an object a shard: Parquet (for datasets, pyarrow) or tar (for webdataset)"
    )
    seed: NonNegativeInt = Field(0, description="seed from which requests without one derive theirs")
    shard_images: NonNegativeInt = Field(0, description="images per shard, the unit of work and of retry; 0 = 2 to 64, by their number")
    max_bytes: PositiveInt = Field(25_000_000, description="larger photos are quarantined")
    max_pixels: PositiveInt = Field(50_000_000, description="photos with more pixels are quarantined")
    workers: NonNegativeInt = Field(0, description="photos that are edited at a time, each on a core of its own; 0 = one a core")
    label: LabelConfig = Field(LabelConfig(), description="what files say beyond the labels that all have, and those of their photos")
    price: NonNegativeFloat = Field(0.0, description="of an hour of the cluster, in any currency: what the job has cost is shown")
    dry_run: bool = Field(
        False, description="check the table and the chain, estimate time, bytes and cost from a few photos, and write nothing"
    )
    ray: RayConfig = Field(RayConfig(), description="where the work runs")

    @field_validator("edits", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        """A list, as YAML has it, as the text that flags have."""
        return json.dumps(value) if isinstance(value, list | tuple) else value


class StatusConfig(Section):
    """How far a bulk job is: images, rate, time left, cost."""

    job: CliPositionalArg[str] = Field("out/images", description="URL of the job: the `out` of a ganray generate or edit")


class ProfilesConfig(Section):
    """The marketplaces whose rules ganray knows; one of them in full with --profile."""

    profile: str = Field("", description="name of a profile, or the path of a YAML file of your own, to show with its source and date")


class CheckConfig(Section):
    """Check pictures against a marketplace's rules: a report, and the edits that mend. Exit code 1 where some fail."""

    images: CliPositionalArg[str] = Field("out/images", description="URL of a prefix of pictures, or of one picture")
    profile: str = Field("amazon-main", description="name of a profile (ganray profiles), or the path of a YAML file of your own")
    kind: str = Field("", description="kind of goods, where the profile tells kinds apart, e.g. apparel")
    day: str = Field("", description="YYYY-MM-DD: by the rules of that day; empty = today")
    photos: str = Field(
        "",
        description="URL of the prefix of the photos that the pictures were made of, under the same names: labels they have must be kept",
    )
    out: str = Field("out/check", description="URL to write report.json and report.html under")
    requests: str = Field("", description="URL of a JSONL file to write: an edit request for each picture that edits can mend")
    workers: NonNegativeInt = Field(0, description="processes that decode and check; 0 = the cores of this machine")


class EvaluateConfig(Section):
    """Score a model against its catalog: distances with floors, coverage, class accuracy, nearest neighbours."""

    model: str = Field("out/model", description="URL of a model folder")
    catalog: str = Field("out/catalog", description="URL of the prepared catalog it was trained on")
    out: str = Field("out/evaluation", description="URL to write report.json and report.html under")
    num: Annotated[int, Field(ge=64)] = Field(2000, description="generated images to score, and the most real images to compare with")
    search: NonNegativeInt = Field(50_000, description="photos of the catalog among which copies are sought, at most; 0 = all")
    extractor: str = Field("", description="URL of a trained feature extractor to reuse; empty trains one on the catalog (kept in out)")
    extractor_kimg: PositiveFloat = Field(20.0, description="training length of the feature extractor in thousand images")
    seed: NonNegativeInt = Field(0, description="seed of the requests, the split and the extractor")
    gpu: bool | None = Field(None, description="use a GPU; default: where the cluster has one")
    ray: RayConfig = Field(RayConfig(), description="where the work runs")


class ExportConfig(Section):
    """Write a model's generator in the formats of other runtimes, each file checked against torch."""

    model: str = Field("out/model", description="URL of a model folder")
    out: str = Field("out/export", description="URL to write the files and export.json under")
    formats: tuple[Literal["onnx", "safetensors", "torch"], ...] = Field(
        ("onnx", "safetensors", "torch"), description="which to write; onnx needs the packages of the extra `export`"
    )
    seed: NonNegativeInt = Field(0, description="seed of the random inputs of the check")


class ServeConfig(Section):
    """Serve a model over HTTP through Ray Serve."""

    model: str = Field("out/model", description="URL of a model folder")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(8000, description="port to listen on")
    prefix: Annotated[str, Field(max_length=100)] = Field(
        "/", description="path that the API lies under, e.g. /shop/v2: models at different prefixes are served beside each other"
    )
    source: str = Field(
        "", description="URL of a prefix of photos that /v1/edit may name by their keys; empty: a request holds its photo, as a data: URL"
    )
    edit_queue: PositiveInt = Field(16, description="photos waiting per replica for their edit before a request is answered 503")
    replicas: PositiveInt = Field(1, description="engine replicas")
    wait_ms: NonNegativeFloat = Field(4.0, description="longest wait for a batch to fill, in milliseconds")
    queue: PositiveInt = Field(256, description="images waiting per replica before a request is answered 503")
    max_count: PositiveInt = Field(64, description="most images one request may ask for; never more than queue")
    threads: NonNegativeInt = Field(0, description="torch threads a replica on CPU; 0 = an equal share of all cores")
    gpu: bool | None = Field(None, description="one GPU a replica; default: where the cluster has them")
    ray: RayConfig = Field(RayConfig(), description="where the work runs")

    @field_validator("prefix")
    @classmethod
    def _check_prefix(cls, value: str) -> str:
        if not re.fullmatch(r"/|(/[A-Za-z0-9][A-Za-z0-9_-]*)+", value):
            raise ValueError("must be / or a path like /shop/v2: letters and digits, with - and _ between them")
        return value


class DemoConfig(Section):
    """The whole way on one machine: sample catalog, training, bulk generation, evaluation, HTTP."""

    out: str = Field("out/demo", description="folder for everything the demo makes")
    products: Annotated[int, Field(ge=128)] = Field(3000, description="products in the sample catalog")
    kimg: PositiveFloat = Field(32.0, description="length of training in thousand images")
    minutes: PositiveFloat = Field(3.5, description="training stops at this wall time even if kimg is not reached")
    images: Annotated[int, Field(ge=64)] = Field(1000, description="images to generate in bulk, and to evaluate")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(8000, description="port of the HTTP endpoint")
    keep_serving: bool = Field(False, description="leave the endpoint running at the end, until Ctrl-C")
    ray: RayConfig = Field(RayConfig(), description="where the work runs")


class BenchmarkConfig(Section):
    """Measure ganray against the bare loop it wraps; both sides in the same run."""

    name: CliPositionalArg[
        Literal[
            "all",
            "input",
            "train",
            "train-scale",
            "resume",
            "generate",
            "generate-scale",
            "ingest",
            "labels",
            "ingest-memory",
            "serve",
            "memory",
            "quality",
            "penalty",
            "titles",
            "exactly-once",
            "matte",
            "upscale",
            "inpaint",
            "enhance",
            "recolor",
            "edit-speed",
            "relabel",
        ]
    ] = Field(
        "all",
        description="which benchmark to run; all = every one but the long ones: quality, titles, resume, exactly-once, generate-scale, "
        "ingest-memory, and those of edits: matte, upscale, inpaint, enhance, recolor, relabel",
    )
    store: str = Field("", description="exactly-once: s3://BUCKET/PREFIX of a server on this machine, at AWS_ENDPOINT_URL")
    editor: str = Field("out/model", description="of edits: URL of the editor, or of a model folder that has one")
    photos: str = Field("", description="of edits: URL of a prefix of photos that the editor has not learned from")
    cutouts: str = Field("", description="of edits: URL of a prefix of cut-outs with alpha that the editor has not learned from")
    repeats: PositiveInt = Field(3, description="alternating repeats of both sides; the median counts")
    images: NonNegativeInt = Field(0, description="size of the work; 0 = the benchmark's own default")
    seconds: PositiveFloat = Field(5.0, description="length of one timed side where time decides")
    catalogs: tuple[str, ...] = Field((), description="quality: URLs of catalogs at 32 px to train on beside the sample catalog")
    seeds: PositiveInt = Field(3, description="quality: runs of each model on each catalog; titles: runs")
    minutes: PositiveFloat = Field(3.0, description="quality: CPU time of each training run, on one thread")
    json_lines: bool = Field(False, alias="json", description="print one JSON object a line and nothing else")
    ray: RayConfig = Field(RayConfig(), description="where the work runs")
