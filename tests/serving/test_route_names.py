import pytest
from fastapi import FastAPI
from starlette.applications import Starlette

from ganray.serving.route_names import RouteNames


def names() -> RouteNames:
    app = FastAPI()
    for path in ("/v1/jobs", "/v1/jobs/{id}", "/v1/jobs/{id}/cancel", "/v1/edit"):
        app.get(path)(lambda: {})
    app.mount("/studio", Starlette())
    return RouteNames(app.routes)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/edit", "/v1/edit"),
        ("/v1/jobs", "/v1/jobs"),
        ("/v1/jobs/secret-7", "/v1/jobs/{id}"),
        ("/v1/jobs/secret-7/cancel", "/v1/jobs/{id}/cancel"),
        ("/v1/jobs/a/b", "other"),
        ("/v1/edits", "other"),
        ("/docs", "/docs"),
        ("/studio", "/studio"),
        ("/studio/style.css", "/studio"),
        ("/studios", "other"),
        ("", "other"),
        ("/wp-login.php", "other"),
    ],
)
def test_a_path_has_the_template_of_its_route(path, name):
    assert names().of({"path": path}) == name
    assert names().of({"path": f"/shop/v2{path}", "root_path": "/shop/v2"}) == name
