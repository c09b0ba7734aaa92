"""Sample grids: what the moving average draws for the same requests at any time of a run."""

from __future__ import annotations

import torch

from ganray import __version__
from ganray.engine import Engine
from ganray.images.provenance import Label, encode_labelled
from ganray.images.transforms import contact_sheet
from ganray.model_folder import ModelInfo
from ganray.models import Generator
from ganray.requests import GenerateRequest

COLUMNS, ROWS, TEXT = 8, 12, 40


def draw_grid(average: Generator, info: ModelInfo, device: torch.device) -> bytes:
    """A labelled PNG with a row for each value of the first attribute, or for titles that the model keeps."""
    deterministic = torch.backends.cudnn.deterministic
    engine = Engine(average, info, device=device.type, threads=1)
    torch.backends.cudnn.deterministic = deterministic  # the engine's choice, not the training's
    names = list(info.attributes)
    values = (info.attributes[names[0]] if names else info.titles or ("",) * ROWS)[:ROWS]
    asked = [{"attributes": {names[0]: value}} if names else {"title": value} for value in values]
    # not validated: a catalog's values may be longer than what a request can name
    requests = [GenerateRequest.model_construct(id=f"grid-{place}", seed=place, count=COLUMNS, **each) for place, each in enumerate(asked)]
    pixels = [sample.pixels for sample in engine.generate(requests)]
    rows = [(value[:TEXT], pixels[place * COLUMNS : (place + 1) * COLUMNS]) for place, value in enumerate(values)]
    label = Label(model_digest="in training", request_id=f"grid at {info.num_images} images", seed=0, software=f"ganray {__version__}")
    return encode_labelled(contact_sheet(rows), "png", label)
