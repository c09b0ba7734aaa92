"""The HTML pages: one template a page, one layout, one stylesheet. A page is a single file that loads nothing from anywhere else.

`templates/base.html` is the layout and has `templates/style.css` in it. Pages of bulk jobs are part of what is written exactly once, so a
page depends on its values alone: templates read no clock, and no order that changes between runs. jinja2 is imported by the first page that
is rendered, since most processes render none.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")


def render(template: str, /, **values: Any) -> str:
    """HTML of a template under `templates/`, values escaped. Raises jinja2.UndefinedError for a name that `values` lacks."""
    return _environment().get_template(template).render(values)


def data_url(media_type: str, data: bytes) -> str:
    """The bytes as a `data:` URL, for a picture that is to lie in the page itself."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
