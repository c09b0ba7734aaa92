"""The FastAPI app in front of the engines. Every error is JSON of the same form: error (a code), message, remedy.

The app does not depend on Ray: it runs in a Ray Serve replica (on_ray/serve.py), in plain uvicorn (`--executor local`) and in tests.
"""

from __future__ import annotations

from fastapi import FastAPI

from ganray import __version__
from ganray.config import ServeConfig
from ganray.edit_engine import EditEngine
from ganray.engine import Engine
from ganray.output.device import describe_device
from ganray.serving.body_limit import BodyLimit, Limit
from ganray.serving.device_header import DeviceHeader
from ganray.serving.edit import MAX_EDIT_BODY, add_edit
from ganray.serving.errors import add_errors
from ganray.serving.generate import MAX_BODY, add_generate
from ganray.serving.head import HeadAsGet
from ganray.serving.listing import add_listing
from ganray.serving.models import Models, OneModel
from ganray.serving.served_model import ServedModel


def make_app(engine: Engine | None, config: ServeConfig, editor: EditEngine | None = None, encoders: int = 0) -> FastAPI:
    """The app of one model: see `app_of`. `encoders` are the threads that encode where a device renders; 0 takes all cores.

    `app.state.health` knows whether the engine renders.
    """
    served = ServedModel.of(engine, config, editor, encoders)
    app = app_of(OneModel(served), config, served.editor.lanes, "" if engine is None else describe_device(str(engine.device)))
    app.state.health = served.health
    return app


def app_of(models: Models, config: ServeConfig, lanes: int, device: str = "") -> FastAPI:
    """The app: POST /v1/generate, POST /v1/edit, GET /v1/models, /v1/edits, /v1/profiles, /healthz, OpenAPI at /docs.

    `lanes` photos are edited at a time; `device` is what renders, for a header.
    """
    app = FastAPI(title="ganray", version=__version__, description="Catalog images from a GAN. The same request gives the same images.")
    limits = {"/v1/edit": Limit(MAX_EDIT_BODY, config.edit_queue + lanes), "": Limit(MAX_BODY)}
    app.add_middleware(BodyLimit, limits=limits)
    app.add_middleware(HeadAsGet)
    if device:
        app.add_middleware(DeviceHeader, device=device)
    add_generate(app, models)
    add_edit(app, models)
    add_listing(app, models)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Replies once the model is loaded; 503 where the engine has ceased to render."""
        models.require()
        return {"status": "ok"}

    add_errors(app)
    return app
