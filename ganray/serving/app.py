"""The FastAPI app in front of the engines. Every error is JSON of the same form: error (a code), message, remedy.

The app does not depend on Ray: it runs in a Ray Serve replica (on_ray/serve.py), in plain uvicorn (`--executor local`) and in tests.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from ganray import __version__
from ganray.config import ServeConfig
from ganray.edit_engine import EditEngine
from ganray.engine import Engine
from ganray.requests import EditRequest, GenerateRequest
from ganray.serving.access import Access
from ganray.serving.admission import Admission
from ganray.serving.body_limit import BodyLimit, Limit
from ganray.serving.check import CheckRequest, CheckService, add_check
from ganray.serving.deadline import Deadline
from ganray.serving.device_header import DeviceHeader
from ganray.serving.edit import MAX_EDIT_BODY, add_edit
from ganray.serving.errors import add_errors
from ganray.serving.generate import MAX_BODY, add_generate
from ganray.serving.head import HeadAsGet
from ganray.serving.job_body import MAX_JOB_BODY, JobRequest
from ganray.serving.jobs import Jobs, add_jobs
from ganray.serving.listing import add_listing
from ganray.serving.metrics import add_metrics
from ganray.serving.models import Models, OneModel
from ganray.serving.observing import Observer, Observing
from ganray.serving.openapi import describe
from ganray.serving.photos import PhotoSource
from ganray.serving.refusals import Busy
from ganray.serving.served_model import ServedModel
from ganray.serving.services import Services
from ganray.serving.studio_page import add_studio

NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}  # tracing.py and metrics.py have it; asking costs time
JOBS_AT_ONCE = 4  # bodies of jobs that are read at a time: each may have megabytes


def make_app(
    engine: Engine | None, config: ServeConfig, editor: EditEngine | None = None, encoders: int = 0, services: Services | None = None
) -> FastAPI:
    """The app of one model: see `app_of`. `encoders` are the threads that encode where a device renders; 0 takes all cores.

    `app.state.health` knows whether the engine renders.
    """
    served = ServedModel.of(engine, config, editor, encoders)
    services = services or Services.of(config, served.device)
    app = app_of(OneModel(served), config, served.editor.lanes, services, served.device)
    app.state.health = served.health
    return app


def app_of(models: Models, config: ServeConfig, lanes: int, services: Services, device: str = "", jobs: Jobs | None = None) -> FastAPI:
    """The app: POST /v1/generate, /v1/edit, /v1/check, GET /v1/models, /v1/edits, /v1/profiles, /healthz, /readyz, /metrics, /docs.

    `lanes` photos are edited at a time; `device` is what renders, for a header.
    """
    description = "Catalog images from a GAN. The same request gives the same images."
    app = FastAPI(title="ganray", version=__version__, description=description, telemetry=NO_TELEMETRY)
    photo = Limit(MAX_EDIT_BODY, config.edit_queue + lanes)
    limits = {"/v1/edit": photo, "/v1/check": photo, "/v1/jobs": Limit(MAX_JOB_BODY, JOBS_AT_ONCE), "": Limit(MAX_BODY)}
    app.add_middleware(HeadAsGet)  # the innermost; each next one stands around those before
    app.add_middleware(BodyLimit, limits=limits, seconds=config.body_timeout_s)
    app.add_middleware(Deadline, seconds=config.timeout_s)
    app.add_middleware(Access, keys=services.keys, ledger=services.ledger, anonymous=services.anonymous)
    observer = Observer(services.metrics, services.audit, services.tracing)
    app.add_middleware(Observing, observer=observer)
    if device:
        app.add_middleware(DeviceHeader, device=device)
    app.add_middleware(Admission, models=models, services=services, observer=observer, seconds=config.timeout_s)
    add_generate(app, models)
    add_edit(app, models)
    add_check(app, CheckService(PhotoSource(config.source), lanes, config.max_pixels))
    add_listing(app, models)
    add_health(app, models)
    services.metrics.watch_queue(lambda: models.waiting, lambda: models.outstanding)
    add_metrics(app, services.metrics)
    if config.studio:
        add_studio(app)
    if jobs is not None:
        add_jobs(app, jobs)
    add_errors(app)
    describe(app, (GenerateRequest, EditRequest, CheckRequest, *((JobRequest,) if jobs is not None else ())))
    return app


def add_health(app: FastAPI, models: Models) -> None:
    """Add the paths that load balancers ask. `app.state.draining` says that the server is about to end."""
    app.state.draining = False
    unwell: dict[int | str, dict[str, Any]] = {503: {"description": "The engine has ceased to render; or the server is about to end"}}

    @app.get("/healthz", responses=unwell)
    async def healthz() -> dict[str, str]:
        """Replies once the model is loaded; 503 where the engine has ceased to render: the server is to be started again."""
        models.require()
        return {"status": "ok"}

    @app.get("/readyz", responses=unwell)
    async def readyz() -> dict[str, str]:
        """As /healthz; also 503 while the server finishes its last requests: new ones are to go to another one."""
        if app.state.draining:
            raise Busy("the server is about to end", "Ask another replica")
        models.require()
        return {"status": "ok"}
