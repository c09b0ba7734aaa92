"""Sheets of an editor in training: what each network is given, what it answers, and the truth, for the same photos at any time of a run."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganray.catalog.windows import Source, catalog_order, read_window
from ganray.images.codec import encode, to_float, to_pixels
from ganray.images.transforms import contact_sheet
from ganray.models.editor import input_size
from ganray.training.draws import step_draws
from ganray.training.editor import MatteShape, degraded, picture_of

NUM, TILE = 10, 128


@torch.inference_mode()
def draw_edits(networks: nn.ModuleDict, source: Source, cutouts: Tensor) -> bytes:
    """A PNG with three rows a task."""
    photos, _ = read_window(source, catalog_order(source).epoch(0)[0])
    real = to_float(torch.from_numpy(photos[:NUM])).to(cutouts.device)
    rows = []
    for task, network in networks.items():
        draws, shape = step_draws(source.seed, 0, len(real), device=cutouts.device), MatteShape(1, input_size(task, network))
        pair = degraded(task, real, cutouts, draws, shape)
        answer = picture_of(task, network(pair.x))
        target = pair.target * 2 - 1 if task == "matte" else pair.target
        given = pair.x[:, :3].clone()
        if task == "inpaint":
            given[(pair.x[:, 3:] > 0).expand_as(given)] = 1.0  # the hole, not what it was filled with
        rows += [(name, list(to_pixels(x).cpu().numpy())) for name, x in ((task, given), ("answer", answer), ("truth", target))]
    return encode(contact_sheet(rows, TILE), "png")
