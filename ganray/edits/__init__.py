"""Edits: a photo in, a photo out. An edit is one file and one row of EDITS: its parameters, its function, and its stage in a chain.

A chain is a list such as `["cutout", "white", {"conform": {"profile": "amazon-main"}}]`; `conform: amazon-main` is short for the last one.
Edits are pure: the same photo, parameters and networks give the same bytes, whatever else runs at the same time.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from ganray.edits.conform import ConformParams, conform
from ganray.edits.edit import Edit, NoParams, Params, Stage, Tools
from ganray.edits.enhance import EnhanceParams, enhance
from ganray.edits.ground import BackgroundParams, background, cutout, white
from ganray.edits.inpaint import InpaintParams, inpaint
from ganray.edits.photo import Photo
from ganray.edits.recolor import RecolorParams, recolor
from ganray.edits.relabel import InterpolateParams, MixParams, RelabelParams, VaryParams, interpolate, mix, relabel, vary
from ganray.edits.upscale import UpscaleParams, upscale
from ganray.errors import RequestError

__all__ = ["EDITS", "Edit", "Params", "Photo", "Stage", "Step", "Tools", "apply_chain", "check_pictures", "parse_chain", "text_of"]

GENERATED = "trainedAlgorithmicMedia"
COMPOSED = "compositeWithTrainedAlgorithmicMedia"
ENHANCED = "algorithmicallyEnhanced"

EDITS: dict[str, Edit[Any]] = {
    "inpaint": Edit(InpaintParams, inpaint, Stage.REPAIR, COMPOSED, local=True),
    "enhance": Edit(EnhanceParams, enhance, Stage.REPAIR, ENHANCED),
    "recolor": Edit(RecolorParams, recolor, Stage.PRODUCT, ENHANCED, local=True),
    "relabel": Edit(RelabelParams, relabel, Stage.PRODUCT, GENERATED),
    "vary": Edit(VaryParams, vary, Stage.PRODUCT, GENERATED),
    "interpolate": Edit(InterpolateParams, interpolate, Stage.PRODUCT, GENERATED),
    "mix": Edit(MixParams, mix, Stage.PRODUCT, GENERATED),
    "cutout": Edit(NoParams, cutout, Stage.PRODUCT),
    "white": Edit(NoParams, white, Stage.GROUND),
    "background": Edit(BackgroundParams, background, Stage.GROUND, COMPOSED),
    "upscale": Edit(UpscaleParams, upscale, Stage.SIZE, ENHANCED),
    "conform": Edit(ConformParams, conform, Stage.FRAME),
}


class Step(NamedTuple):
    """One edit of a chain with its parameters."""

    name: str
    params: Params


def parse_chain(chain: Iterable[str | Mapping[str, Any]]) -> list[Step]:
    """The steps of a chain. Raises RequestError for an unknown edit or parameter, listing the known ones, and for a chain that returns to
    an earlier stage or has two edits of a stage that allows one."""
    steps = [_parse(part) for part in chain]
    if not steps:
        raise RequestError("the request has no edits", f"Use some of {', '.join(EDITS)}")
    staged = [step for step in steps if EDITS[step.name].stage != Stage.SIZE]  # the size may change anywhere before the frame
    for before, after in itertools.pairwise(staged):
        first, second = EDITS[before.name].stage, EDITS[after.name].stage
        if second < first:
            raise RequestError(f"edits: {after.name} cannot come after {before.name}", f"Put {after.name} first: stages go {_stages()}")
        if first == second and second in (Stage.GROUND, Stage.FRAME):
            raise RequestError(f"edits: {before.name} and {after.name} contradict each other", "Keep one of them")
    if staged and EDITS[staged[-1].name].stage == Stage.FRAME and steps[-1] != staged[-1]:
        raise RequestError(f"edits: {steps[-1].name} cannot come after {staged[-1].name}", f"End with {staged[-1].name}")
    return steps


def check_pictures(steps: Iterable[Step], pictures: Iterable[str]) -> None:
    """Raise RequestError if a step needs a picture whose name is not among `pictures`, the names of its request."""
    known = list(pictures)
    for edit, name in ((step.name, name) for step in steps for name in step.params.pictures()):
        if name not in known:
            raise RequestError(
                f"edit {edit}: picture {name!r} is not among the request's pictures: {', '.join(known) or 'none'}",
                f'Give it in the request, as {{"pictures": {{{json.dumps(name)}: KEY}}}}',
            )


def apply_chain(photo: Photo, steps: Iterable[Step], tools: Tools) -> Photo:
    """The photo after all steps. Raises EditError with a reason if a step is not possible with this photo."""
    for step in steps:
        photo = EDITS[step.name].apply(photo, step.params, tools)
        photo = photo.marked(step.name, EDITS[step.name].source_type)
    return photo


def text_of(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """The chain for JSON, equal for equal chains: shorthands are expanded, defaults omitted."""
    return [{step.name: step.params.model_dump(exclude_defaults=True)} for step in steps]


def _parse(part: str | Mapping[str, Any]) -> Step:
    if isinstance(part, str):
        name, colon, value = part.partition(":")
        name, params = name.strip(), value.strip() if colon else {}
    else:
        if len(part) != 1:
            raise RequestError(f"edits: {dict(part)!r} is not an edit", 'Write {"NAME": {"PARAMETER": VALUE}}, one edit per entry')
        ((name, params),) = part.items()
        params = {} if params is None else params
    if name not in EDITS:
        raise RequestError(f"edit {name!r} is unknown", f"Use some of {', '.join(EDITS)}")
    kind = EDITS[name].params
    if not isinstance(params, Mapping):
        if not kind.short:
            raise RequestError(f"edit {name} does not take a single value such as {params!r}", _known(kind))
        params = {kind.short: params}
    try:
        return Step(name, kind.model_validate(dict(params)))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise RequestError(f"edit {name}: {field}: {first['msg']}", _known(kind)) from error


def _known(kind: type[Params]) -> str:
    return f"Its parameters are {', '.join(kind.model_fields)}" if kind.model_fields else "It has no parameters"


def _stages() -> str:
    names = [", ".join(name for name, edit in EDITS.items() if edit.stage == stage) for stage in Stage]
    return " -> ".join(name for name in names if name)
