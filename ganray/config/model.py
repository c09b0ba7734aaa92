"""The networks: of a GAN, and of the learned edits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from ganray.config.base import NumberFromText, Section


class ModelConfig(Section):
    """The two networks, as built by `models/`."""

    name: str = Field("r3", description="a key of MODELS: mlp, dcgan or r3")
    resolution: PositiveInt = Field(32, description="side of the square image in pixels; must be the catalog's")
    channels: Annotated[Literal[1, 3], NumberFromText] = Field(3, description="3 = colour, 1 = grey (RGB in and out, luma inside)")
    z_dim: PositiveInt = Field(64, description="length of the latent vector z ~ N(0, I)")
    embed_dim: PositiveInt = Field(64, description="length of each attribute's embedding in G")
    widths: tuple[PositiveInt, ...] = Field((128, 96, 64), description="feature channels per stage, from the 4 px stage to the finest")
    blocks: PositiveInt = Field(1, description="residual blocks a stage (r3)")
    group_channels: PositiveInt = Field(16, description="channels per group of the grouped 3x3 convolutions (r3)")
    patch: Annotated[Literal[1, 2], NumberFromText] = Field(
        1, description="image pixels per side of a finest feature pixel; 2 is the lean form for CPUs (r3)"
    )
    skips: bool = Field(False, description="G draws a picture at every stage, and their sum (r3): outlines come sooner")
    classifier: bool = Field(False, description="D also names each attribute's value (loss.classify): shapes come sooner")
    title_pieces: NonNegativeInt = Field(
        0, description="read product titles, up to so many words and trigrams of each (48 = about 8 words); 0 = titles are not read"
    )
    title_buckets: PositiveInt = Field(4096, description="rows of the table that words and trigrams of titles are hashed to")

    @property
    def title_rows(self) -> int:
        """Rows of the table of pieces; 0 in a model that reads no titles."""
        return self.title_pieces and self.title_buckets + 1


class EditorConfig(Section):
    """The editor's networks and what they learn from; without tasks a run trains a GAN."""

    tasks: tuple[Literal["matte", "inpaint", "upscale", "enhance"], ...] = Field((), description="what to learn, a network each, in turn")
    encoder: Literal["", "imagenet"] = Field(
        "", description="imagenet: mattes by a network on frozen ImageNet features (extra `features`); it is 14 MB larger"
    )
    cutouts: str = Field("", description="URL of a prefix of cut-outs (PNG or WebP with alpha) of products, for mattes")
    drawn: NonNegativeInt = Field(360, description="drawn products beside them, whose mattes are known")
    figures: NonNegativeInt = Field(200, description="drawn figures that wear a product, for mattes: on studio photos they belong to it")
    shoes: NonNegativeInt = Field(160, description="pairs of shoes drawn from above, for mattes: their insoles belong to them")
    mined: NonNegativeInt = Field(1500, description="photos of the catalog among which such on plain backgrounds are sought, for mattes")
    teacher: str = Field(
        "", description="URL of a model folder with an editor: of the `mined` photos those are taken whose matte it is sure of, instead"
    )
    teacher_digest: str = Field(
        "", description="sha256 that the teacher's weights must have; empty: those found when the run begins are noted"
    )
    composites: PositiveInt = Field(2, description="products that are put before a photo's border in a step, for mattes")
    adversarial: NonNegativeFloat = Field(0.0, description="weight of a critic of inpaint and upscale: sharper, less true; 0 = none")
    widths: tuple[PositiveInt, ...] = Field((24, 48, 72, 96, 128), description="channels a level of the U-Nets (matte, inpaint)")
    blocks: PositiveInt = Field(1, description="residual blocks a level of the U-Nets")
    detail_width: PositiveInt = Field(32, description="channels of the networks of detail (upscale, enhance)")
    detail_blocks: PositiveInt = Field(4, description="residual blocks of the networks of detail")
    quality_plane: bool = Field(False, description="tell upscale at which quality a JPEG was saved; older editors are not told")
