"""The card of an editor: what a person who finds its folder should know. It contains no paths or buckets."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ganray.model_folder import EditorInfo

TASK_SUMMARIES = {
    "matte": "finds the product in a photo: `cutout`, `white`, `background`, `recolor`, `conform` before cluttered backgrounds",
    "inpaint": "fills what a mask covers: `inpaint`",
    "upscale": "doubles a photo: `upscale`",
    "enhance": "takes blur and noise away: `enhance`",
}
LIMITS = (
    "It knows photos like those of its catalog: others it changes less well, and mattes fail first where a product is as its background "
    "is.",
    "What it fills or enlarges is likely, not true: no evidence, and no place for writing that must be read.",
    "A result says what was done (IPTC digital source type); where a marketplace asks for that label, it must stay.",
)


def editor_card(info: EditorInfo, rows: Sequence[dict[str, float]], grids: Sequence[str]) -> str:
    """Markdown from what the run knows of itself."""
    license = info.train.license if info.train else "unknown"
    tasks = info.editor.tasks
    front = (
        f"---\nlicense: {json.dumps(license, ensure_ascii=False)}\nlibrary_name: ganray\ntags: {json.dumps(['image-editing', *tasks])}\n---"
    )
    does = "\n".join(f"- **{task}**: {TASK_SUMMARIES[task]}" for task in tasks)
    seen = f"{info.num_images / 1000:g} thousand photos, each damaged anew for every task"
    facts = f"Trained on {seen}. Catalog `{info.catalog_digest}`, weights `{info.digest}`, {info.size:,} bytes, {info.software}."
    if info.editor.teacher_digest:
        facts += f" Mattes of photos were taught by an editor with weights `{info.editor.teacher_digest}`."
    parts = [front, "# Editor of product photos", does, *([f"![Given, answered, true]({grids[-1]})"] if grids else []), facts]
    if rows:
        first, last = rows[0], rows[-1]
        lines = "\n".join(f"| {task} | {first[task]:.4g} | {last[task]:.4g} |" for task in tasks)
        parts.append(f"| loss | at {first['kimg']:g} kimg | at {last['kimg']:g} kimg |\n|---|---|---|\n{lines}")
    parts += ["## Limits", "\n".join(f"- {limit}" for limit in LIMITS)]
    return "\n\n".join(parts) + "\n"
