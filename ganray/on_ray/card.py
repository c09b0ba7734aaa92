"""The model card: a Markdown page that a person can publish beside the weights."""

from __future__ import annotations

from collections.abc import Sequence

from ganray.checkpoint import ModelInfo

LIMITS = (
    "The model draws products like those of its catalog and nothing else. It can repeat what it has seen: look at the nearest-neighbour "
    "figures of `ganray evaluate` before publishing. Every image made with it is labelled as made by a trained algorithm."
)


def model_card(info: ModelInfo, rows: Sequence[dict[str, float]], grids: Sequence[str]) -> str:
    """Markdown from what the run knows of itself: data, networks, course of the training, grids."""
    last = rows[-1] if rows else {}
    lines = [
        f"# {info.model.name} at {info.model.resolution} px",
        "",
        f"Trained with ganray {info.software} on {info.num_images / 1000:g} thousand images.",
        "",
        "| | |",
        "|---|---|",
        f"| weights | `model.safetensors`, sha256 `{info.digest}` |",
        f"| catalog | digest `{info.catalog_digest}` |",
        f"| networks | `{info.model.name}`, widths {', '.join(map(str, info.model.widths))}, z {info.model.z_dim} |",
        f"| seed | {info.train.seed if info.train else 'unknown'} |",
        "| licence | yours to choose: the weights are made from your catalog |",
        "",
        "## What it can be asked for",
        "",
        *[f"- **{name}** ({len(values)}): {', '.join(values)}" for name, values in info.attributes.items()],
        *_titles(info),
        *([] if info.attributes or info.pieces.num else ["It is unconditional: every image is drawn from the seed alone."]),
        "",
        "## How training ended",
        "",
        "| " + " | ".join(last) + " |" if last else "",
        "|" + "---|" * len(last) if last else "",
        "| " + " | ".join(f"{value:.4g}" for value in last.values()) + " |" if last else "",
        "",
        *_scores(info.metrics),
        *([f"![samples at the end]({grids[-1]})", "", f"Earlier grids: {len(grids) - 1} in `grids/`."] if grids else []),
        "",
        "## Limits",
        "",
        LIMITS,
        "",
    ]
    return "\n".join(lines)


def _titles(info: ModelInfo) -> list[str]:
    if not info.pieces.num:
        return []
    return [
        f"- a **title**, such as: {'; '.join(info.titles)}. Words count, not their order. An unknown word is read by its spelling; "
        "one unlike all of the catalog's has an arbitrary effect."
    ]


def _scores(row: dict[str, float]) -> list[str]:
    """The quick scores that the model was chosen by, beside those of held-out photos."""
    if not row:
        return []
    figures = {
        "fd": "Frechet distance",
        "coverage": "coverage",
        "density": "density",
        "accuracy": "accuracy",
        "nn_ratio": "neighbour ratio",
    }
    floors = {name: row.get(f"{name}_floor", 1.0) for name in figures}
    return [
        f"Scores at {row['kimg']:g} thousand images, beside those of held-out photos (`ganray evaluate` measures more images, and more):",
        "",
        "| | model | photos |",
        "|---|---|---|",
        *(f"| {title} | {row[name]:.4g} | {floors[name]:.4g} |" for name, title in figures.items() if name in row),
        "",
    ]
